"""`GET /revocations`: which sessions ended and whose claims changed, as server-sent events (P4, PROTOCOL §7).

    event: revoked            one for each session that ended within an access token's life, then one for each
    id: 5f0c11d2.77-17.4      that ends from now on; `Last-Event-ID` brings the id back, and what came before it
    data: <sid>               is left out if this process gave it
    event: claims             the same for each account whose claims changed ("" for all): tokens with a lower
    id: 5f0c11d2.77-17.5      `claims_mark` than `number` are refused, `within` seconds later at the latest
    data: {"account": "ann", "number": 1800000000000000, "within": 0}
                              ─ after the first batch, and again after every gap, one
    event: caught-up          ─ which says: you know as much as this server now
    data: {"staleness": 0.4, "epoch": 0, "time": 1800000000}
                              ─ after every later batch, and every few seconds, one
    event: contact            ─ with the same facts

`staleness` is how many seconds ago this server itself was in contact with its store: a listener counts its contact from
there, not from the arrival of the event. `epoch`: sessions that began before it are over, 0 for none. `time` is the
clock of this server. Out of touch, it responds 503 and ends the streams that are open, rather than say "caught up".

The caller shows a service secret as a bearer token. It opens this list of ids and nothing else (P4, P5).
"""

import asyncio
import hmac
import os
import re
import secrets
from collections.abc import AsyncIterator, Sequence

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core import strict_json
from gatepass.core.claims_mark import ClaimsMark
from gatepass.errors import InvalidToken
from gatepass.ports import Clock
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import EventStream, Reply, Request
from gatepass.wire.headers import bearer_of

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = 3.0
"""Seconds between events: a listener that receives nothing for several of them has lost contact."""
MAX_EVENTS = 2_000
"""Events that are written at once: some milliseconds in which nothing else runs."""
_START = secrets.token_hex(4)
_ID = re.compile(r"([0-9a-f]{8}\.[0-9]+)-([0-9]{1,12})\.([0-9]{1,12})", re.ASCII)


async def follow(context: Context, request: Request) -> Reply:
    """Follow the sessions that end, and the accounts whose claims change.

    The head of this file is the contract. Raises TokenRequired, InvalidToken for what is no feed secret, or Unavailable
    (`out-of-touch`).
    """
    if not _is_known(bearer_of(request.headers.all(b"authorization")), context.feed_secrets):
        raise InvalidToken("not the service secret")
    context.revocations.require_fresh()
    sent = _places(request.headers.first(b"last-event-id") or "")
    events = _events(context.revocations, *sent, clock=context.clock)
    return EventStream(200, media_type=MEDIA_TYPE, events=events, receive=request.receive)


def _is_known(shown: str, known: Sequence[str]) -> bool:
    return any(hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), secret.encode()) for secret in known)


async def _events(revoked: RevokedSessions, sent: int, marked: int, *, clock: Clock) -> AsyncIterator[bytes]:
    changed, kind, marks = asyncio.Event(), b"caught-up", revoked.marks
    if sent > revoked.count or marked > marks.count:
        sent = marked = 0
    with revoked.listening(changed.set):
        while revoked.is_fresh:
            changed.clear()
            ended, new_marks = revoked.after(sent), marks.after(marked)
            told = [_event(f"{number}.{marked}", sid) for number, sid in ended]
            sent = ended[-1][0] if ended else sent
            told += [_mark(f"{sent}.{place}", mark) for place, mark in new_marks]
            marked = new_marks[-1][0] if new_marks else marked
            for first in range(0, len(told) - MAX_EVENTS, MAX_EVENTS):
                yield b"".join(told[first : first + MAX_EVENTS])
            last = (len(told) - 1) // MAX_EVENTS * MAX_EVENTS if told else 0
            yield b"".join(told[last:]) + _contact(kind, revoked, clock.now())
            kind = b"contact"
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await changed.wait()
            except TimeoutError:
                continue


def _event(places: str, sid: str) -> bytes:
    return f"event: revoked\nid: {_process()}-{places}\ndata: {sid}\n\n".encode()


def _mark(places: str, mark: ClaimsMark) -> bytes:
    facts = {"account": mark.account_id, "number": mark.number, "within": mark.within}
    return f"event: claims\nid: {_process()}-{places}\n".encode() + b"data: %s\n\n" % strict_json.dump(facts)


def _contact(kind: bytes, revoked: RevokedSessions, now: int) -> bytes:
    facts = {"staleness": round(revoked.staleness, 3), "epoch": revoked.epoch, "time": now}
    return b"event: %s\ndata: %s\n\n" % (kind, strict_json.dump(facts))


def _places(text: str) -> tuple[int, int]:
    """How many revocations and marks an id of this process stands for; none for any other."""
    match = _ID.fullmatch(text)
    return (int(match[2]), int(match[3])) if match and match[1] == _process() else (0, 0)


def _process() -> str:
    """The name of this process in ids: numbers of another one, a forked one, or before a restart say nothing here."""
    return f"{_START}.{os.getpid()}"


ENDPOINTS = (
    Endpoint(
        "GET",
        "/revocations",
        follow,
        name="followRevocations",
        done={200: "Events"},
        problems={401: "token-required, invalid-token", 503: "out-of-touch"},
        media_type=MEDIA_TYPE,
    ),
)
