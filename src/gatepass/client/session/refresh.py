"""One refresh: as many attempts as the table of PROTOCOL §6 asks for, each under the storage's lock.

    attempt:           read the storage → is a refresh still needed? → one call → what its answer means
    between attempts:  superseded → read again and retry;  another sign-in → refresh that session

The refresh token is read at the last moment, under the lock: another program may have refreshed meanwhile. Then its
access token is used and no refresh takes place. What the server granted is saved before the lock is released.
"""

import asyncio
import random
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from gatepass.client.flow import Pause, Step, Work
from gatepass.client.http import REQUEST_ERRORS
from gatepass.client.session.endpoints import (
    CLIENT_HEADER,
    UNKNOWN_CHALLENGE,
    AuthRequest,
    Outcome,
    outcome_of,
    proof_of,
    secret_of,
)
from gatepass.client.session.persistence import PersistentSession

Value = TypeVar("Value")
Flow = Generator[Step, Any, Value]

MAX_ATTEMPTS = 20
"""Chosen against the generations that a rolled-back storage can be behind, plus others' refreshes in between."""
MOVED_WAIT = (0.0, 0.05)
NOT_MOVED_WAIT = (0.5, 1.0)
"""Bounds of the random wait before the next attempt, in seconds: short if the answer brought a newer token."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a refresh, and the session that it is about.

    `ok`: a new token; `shared`: the token of another program is used; `none`: not signed in; `ended`: the server
    has ended this very session; `transient`: nothing is known, everything is kept.
    """

    kind: Literal["ok", "shared", "none", "ended", "transient"]
    sid: str | None
    reason: str | None = None
    retry_after: float | None = None
    cause: Exception | None = None


class AcquireLock:
    """The step that waits for a lock, in a worker thread if there is an event loop."""

    __slots__ = ("_lock",)

    def __init__(self, lock: AbstractContextManager[bool]) -> None:
        self._lock = lock

    def run(self, _driver: Any, /) -> bool:
        """Block this thread. Returns whether the lock is held."""
        return self._lock.__enter__()

    async def run_async(self, _driver: Any, /) -> bool:
        """Wait in a worker thread. If the task is cancelled, a lock that is acquired later is released at once."""
        entering = asyncio.get_running_loop().run_in_executor(None, self._lock.__enter__)
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(self._release)
            raise

    def _release(self, entered: "asyncio.Future[bool]") -> None:
        if not entered.cancelled() and entered.exception() is None:
            self._lock.__exit__(None, None, None)


def with_lock(saved: PersistentSession, body: Callable[[], Flow[Value]]) -> Flow[Value]:
    """Run a flow while the storage's lock is held. If the wait for it times out, run the flow without it.

    So are those that follow, until the lock is found free: its holder may be a program that was stopped (Ctrl-Z).
    """
    lock = saved.storage.locked(0 if saved.is_lock_lost else saved.lock_timeout)
    saved.is_lock_lost = not (yield AcquireLock(lock))
    try:
        return (yield from body())
    finally:
        lock.__exit__(None, None, None)


def refresh(saved: PersistentSession, serial: int) -> Flow[Result]:
    """Refresh the session in the storage, unless there is an access token newer than `serial`."""
    for _ in range(MAX_ATTEMPTS):
        found = yield from with_lock(saved, partial(_attempt, saved, serial))
        if isinstance(found, Result):
            return found
        yield Pause(random.uniform(*found))  # noqa: S311 - keeps programs apart, guards nothing
    saved.gave_up_at = saved.fingerprint
    return Result("transient", saved.record.sid)


def _attempt(saved: PersistentSession, serial: int) -> Flow[Result | tuple[float, float]]:
    """Read, decide whether a refresh is needed, call. Returns a pair of seconds for: wait, then try again."""
    yield Work(saved.read)
    state, record = saved.state, saved.record
    sid = record.sid
    if sid is None or sid == saved.unproven:
        return Result("none", None)
    if state.serial > serial and state.usable:
        return Result("shared", sid)
    if record.generation is None or record.cookie is None or saved.fingerprint == saved.gave_up_at:
        return Result("transient", sid)
    presented = saved.fingerprint
    is_bound = yield Work(saved.offer)
    try:
        answer = yield _request(saved, is_bound)
    except REQUEST_ERRORS as error:
        return Result("transient", sid, cause=error)
    outcome = outcome_of(answer, sid)
    return (yield from _apply(saved, outcome, is_bound, presented))


def _request(saved: PersistentSession, is_bound: bool) -> AuthRequest:
    """The refresh of the token in the storage: with its proof, and with the key until the server has confirmed it."""
    record = saved.record
    assert record.sid is not None  # noqa: S101
    assert record.generation is not None  # noqa: S101
    headers, body = CLIENT_HEADER, None
    if is_bound and record.binding_key is not None:
        challenge = record.challenge or UNKNOWN_CHALLENGE
        headers = {"Gatepass-Proof": proof_of(record.binding_key, record.sid, record.generation, challenge)}
        body = None if record.is_bound else {"binding_secret": secret_of(record)}
    return AuthRequest(
        f"{saved.url}/refresh",
        headers={"Gatepass-Session": record.sid, **headers},
        body=body,
        cookie=record.cookie,
        timeout=saved.timeout,
    )


def _apply(
    saved: PersistentSession, outcome: Outcome, is_bound: bool, presented: tuple[object, ...]
) -> Flow[Result | tuple[float, float]]:
    """Bring the storage up to date with an outcome. Returns as `_attempt`."""
    sid = outcome.sid
    match outcome.kind:
        case "ok":
            assert outcome.grant is not None  # noqa: S101
            is_ours = yield Work(partial(saved.renew, outcome.grant, is_bound))
            return Result("ok" if is_ours else "shared", sid)
        case "session-ended":
            yield Work(partial(saved.forget, sid))
            return Result("ended", sid, reason=outcome.reason or "unknown")
        case "proof-required":
            yield Work(partial(saved.disown, sid))
            return Result("ended", sid, reason="unproven")
        case "no-session":
            if (yield Work(partial(saved.miss, sid))):
                return Result("ended", sid, reason="unknown")
        case "refresh-superseded":
            yield Work(partial(saved.advance, sid, outcome))
            return MOVED_WAIT if saved.fingerprint != presented else NOT_MOVED_WAIT
        case "session-mismatch":
            yield Work(saved.read)
            if saved.record.sid != sid:
                return MOVED_WAIT
    return Result("transient", sid, retry_after=outcome.answer.retry_after)
