"""`GET /revocations`: which sessions ended, as server-sent events, for guards without access to the store (P4).

    event: revoked            one for each session that ended within an access token's life, then one for each
    id: 1800000000            that ends from now on; the id is the time, Unix seconds, and what `Last-Event-ID`
    data: <sid>               brings back
                              ─ after the first batch, and again after every gap, one
    event: caught-up          ─ which says: you know as much as this server now
    data:
    : ok                      ─ a comment every few seconds: the contact holds

The caller shows a service secret as a bearer token. It opens this list of ids and nothing else (P5).
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence

from gatepass.access.revoked_sessions import OVERLAP, RevokedSessions
from gatepass.errors import InvalidToken
from gatepass.ports import Revocation
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import EventStream, Reply, Request
from gatepass.wire.headers import bearer_of

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = 3.0
"""Seconds between comments: a listener that receives nothing for several of them has lost contact."""
MAX_WAITING = 10_000
"""Events that may wait for one slow listener. Beyond that its stream ends, and it resumes."""


async def follow(context: Context, request: Request) -> Reply:
    """Follow the sessions that end.

    The head of this file is the contract. Raises TokenRequired, or InvalidToken for what is no feed secret.
    """
    if not _is_known(bearer_of(request.headers.all(b"authorization")), context.feed_secrets):
        raise InvalidToken("not the service secret")
    last = request.headers.first(b"last-event-id") or ""
    since = int(last) - OVERLAP if last.isdecimal() and len(last) < 12 else 0
    events = _events(context.revocations, since)
    return EventStream(200, media_type=MEDIA_TYPE, events=events, receive=request.receive)


def _is_known(shown: str, secrets: Sequence[str]) -> bool:
    return any(hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), secret.encode()) for secret in secrets)


async def _events(revoked: RevokedSessions, since: int) -> AsyncIterator[bytes]:
    waiting: asyncio.Queue[Revocation] = asyncio.Queue(MAX_WAITING)
    is_overrun = False

    def tell(revocation: Revocation) -> None:
        nonlocal is_overrun
        try:
            waiting.put_nowait(revocation)
        except asyncio.QueueFull:
            is_overrun = True

    with revoked.listening(tell):
        yield b"".join(map(_event, revoked.since(max(since, revoked.cutoff)))) + b"event: caught-up\ndata:\n\n"
        while not is_overrun and revoked.is_fresh:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    first = await waiting.get()
            except TimeoutError:
                yield b": ok\n\n"
                continue
            rest = [waiting.get_nowait() for _ in range(waiting.qsize())]
            yield b"".join(map(_event, [first, *rest]))


def _event(revocation: Revocation) -> bytes:
    return b"event: revoked\nid: %d\ndata: %s\n\n" % (revocation.at, revocation.sid.hex().encode())


ENDPOINTS = (
    Endpoint(
        "GET",
        "/revocations",
        follow,
        name="followRevocations",
        done={200: "Events"},
        problems={401: "token-required, invalid-token"},
        media_type=MEDIA_TYPE,
    ),
)
