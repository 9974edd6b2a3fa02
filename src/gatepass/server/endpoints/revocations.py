"""`GET /revocations`: which sessions ended, as server-sent events, for guards without access to the store (P4).

    event: revoked            one for each session that ended within an access token's life, then one for each
    id: 1800000000            that ends from now on; the id is the time, Unix seconds, and what `Last-Event-ID`
    data: <sid>               brings back
                              ─ after the first batch, and again after every gap, one
    event: caught-up          ─ which says: now you know as much as this server does
    data:
    : ok                      ─ a comment every few seconds: still in touch

The caller shows a service secret as a bearer token. It opens this list of ids and nothing else (P5).
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from gatepass.access.revoked_sessions import OVERLAP, RevokedSessions
from gatepass.errors import InvalidToken
from gatepass.ports import Revocation
from gatepass.server.endpoints.sessions import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire.asgi import Receive, Send
from gatepass.wire.headers import bearer_of

HEARTBEAT = 3.0
"""Seconds: a listener that hears nothing for several of them knows that it is out of touch."""
MAX_WAITING = 10_000
"""Events for one slow listener: then it is let go, and resumes."""


@dataclass(frozen=True, slots=True)
class EventStream(Reply):
    """A reply whose body goes on until the caller leaves or the events end."""

    events: AsyncIterator[bytes] = field(kw_only=True)
    receive: Receive = field(kw_only=True)

    async def send(self, send: Send, *, extra: Sequence[tuple[str, str]] = ()) -> None:  # type: ignore[override]
        """Start the reply, pass events on as they come, stop when the caller is gone."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.head(extra)})
        leaving = asyncio.create_task(_left(self.receive))
        passing = asyncio.create_task(self._pass_on(send))
        try:
            await asyncio.wait({leaving, passing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, passing):
                task.cancel()
            await asyncio.gather(leaving, passing, return_exceptions=True)
        if passing.done() and not passing.cancelled() and passing.exception() is None:
            await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, send: Send) -> None:
        async for event in self.events:
            await send({"type": "http.response.body", "body": event, "more_body": True})


def revocations(revoked: RevokedSessions, secrets: Sequence[str]) -> Mapping[str, Endpoint]:
    """Method → endpoint; `secrets` are those that open it, any of them."""
    accepted = [secret.encode() for secret in secrets]

    async def endpoint(request: Request) -> Reply:
        shown = bearer_of(request.headers.all(b"authorization")).encode("utf-8", "surrogatepass")
        if not any(hmac.compare_digest(shown, secret) for secret in accepted):
            raise InvalidToken("not the service secret")
        last = request.headers.first(b"last-event-id") or ""
        since = int(last) - OVERLAP if last.isdecimal() and len(last) < 12 else 0
        return EventStream(200, media_type="text/event-stream", events=_events(revoked, since), receive=request.receive)

    return {"GET": endpoint}


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


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
