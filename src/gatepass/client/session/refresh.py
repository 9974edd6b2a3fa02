"""One refresh: as many turns at the storage's lock as the table of PROTOCOL §6 asks for.

    turn (under the lock): read the storage → is there still anything to do? → one call → what it means
    between turns:         superseded → read again and retry;  another sign-in → go over to it

What is presented is read at the last moment, under the lock: meanwhile another program may have refreshed. Then its
access token is taken instead of rotating again. What the server gave is kept before the lock goes.
"""

import asyncio
import random
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from gatepass.client.flow import Pause, Step, Work
from gatepass.client.http import httpx
from gatepass.client.session.endpoints import Ask, Outcome, idempotency_key, outcome_of
from gatepass.client.session.persistence import Book

Value = TypeVar("Value")
Flow = Generator[Step, Any, Value]

MOST_TURNS = 20
"""Against what: the generations that a rolled-back storage can be behind, plus others' refreshes in between."""
MOVED_WAIT = (0.0, 0.05)
NOT_MOVED_WAIT = (0.5, 1.0)
"""Seconds before the next turn: at once where something newer came along, else others are given time."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a refresh came to, and for which session.

    `ok`: a new token; `shared`: another program's will do; `none`: nobody is signed in; `ended`: the server said so
    of this very session; `transient`: nothing is known, everything is kept.
    """

    kind: Literal["ok", "shared", "none", "ended", "transient"]
    sid: str | None
    reason: str | None = None
    retry_after: float | None = None
    cause: Exception | None = None


class Enter:
    """The step that waits for a lock, in a thread where there is an event loop."""

    __slots__ = ("_lock",)

    def __init__(self, lock: AbstractContextManager[bool]) -> None:
        self._lock = lock

    def run(self, _driver: Any, /) -> bool:
        """In this thread."""
        return self._lock.__enter__()

    async def run_async(self, _driver: Any, /) -> bool:
        """In a worker thread. Whoever is cancelled meanwhile must not keep a lock that is taken after that."""
        entering = asyncio.get_running_loop().run_in_executor(None, self._lock.__enter__)
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(self._leave)
            raise

    def _leave(self, entered: "asyncio.Future[bool]") -> None:
        if not entered.cancelled() and entered.exception() is None:
            self._lock.__exit__(None, None, None)


def locked(book: Book, body: Callable[[], Flow[Value]]) -> Flow[Value]:
    """Run a flow while the storage's lock is held, or without it after a wait in vain."""
    lock = book.storage.locked(book.patience)
    yield Enter(lock)
    try:
        return (yield from body())
    finally:
        lock.__exit__(None, None, None)


def rotate(book: Book, stamp: int) -> Flow[Result]:
    """Refresh the session of the storage. A newer access token than that of `stamp` makes it unnecessary."""
    for _ in range(MOST_TURNS):
        found = yield from locked(book, partial(_turn, book, stamp))
        if isinstance(found, Result):
            return found
        yield Pause(random.uniform(*found))  # noqa: S311 - keeps programs apart, guards nothing
    book.stuck_at = book.presents
    return Result("transient", book.stored.sid)


def _turn(book: Book, stamp: int) -> Flow[Result | tuple[float, float]]:
    """Gather, decide whether to ask, ask. A pair of seconds: another turn after that."""
    yield Work(book.read)
    state, stored = book.state, book.stored
    sid, generation = stored.sid, stored.generation
    if sid is None:
        return Result("none", None)
    if state.stamp > stamp and state.usable:
        return Result("shared", sid)
    if generation is None or stored.cookie is None or book.presents == book.stuck_at:
        return Result("transient", sid)
    presented = book.presents
    headers = {"Gatepass-Session": sid, "Idempotency-Key": idempotency_key(stored.client_key, sid, generation)}
    try:
        answer = yield Ask(f"{book.url}/refresh", headers=headers, cookie=stored.cookie, timeout=book.timeout)
    except httpx.RequestError as error:
        return Result("transient", sid, cause=error)
    outcome = outcome_of(answer, sid)
    return (yield from _settle(book, outcome, sid, presented))


def _settle(
    book: Book, outcome: Outcome, sid: str, presented: tuple[object, ...]
) -> Flow[Result | tuple[float, float]]:
    """Keep what the answer brought, and say what it means."""
    match outcome.kind:
        case "ok":
            assert outcome.grant is not None  # noqa: S101
            is_ours = yield Work(partial(book.renew, outcome.grant))
            return Result("ok" if is_ours else "shared", sid)
        case "session-ended":
            yield Work(partial(book.forget, sid))
            return Result("ended", sid, reason=outcome.reason or "unknown")
        case "refresh-superseded":
            yield Work(partial(book.advance, sid, outcome))
            return MOVED_WAIT if book.presents != presented else NOT_MOVED_WAIT
        case "session-mismatch":
            yield Work(book.read)
            if book.stored.sid != sid:
                return MOVED_WAIT
    return Result("transient", sid, retry_after=outcome.answer.retry_after)
