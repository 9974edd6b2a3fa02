"""A token for each call of a session, and the refresh that brings it.

    call → token_for_call() → enough time left?      it is sent at once
                            → little time left?      it is sent at once, and a refresh runs in the background
                            → expired, or a 401?     it waits for the refresh under way

No timer refreshes: an abandoned program lets its session end (PROTOCOL §8). A refresh leads to one of three things:
ok, ended (the server has ended this very session), or transient: then everything is kept, the status is *degraded*,
and the next call that needs a token tries again.
"""

import random
from collections.abc import Callable
from functools import partial

from gatepass.client.errors import RefreshUnavailableError, SessionEndedError
from gatepass.client.flow import Pause, Work
from gatepass.client.session import clock
from gatepass.client.session.access_token import AccessToken, TokenState
from gatepass.client.session.persistence import PersistentSession, log
from gatepass.client.session.refresh import Flow, Result, refresh
from gatepass.client.session.sign_in import confirm_sign_outs
from gatepass.client.session.single_flight import InBackground, Join, Run, SingleFlight

Ended = Callable[[SessionEndedError], object]
MAX_BACKOFF = 5.0
"""The longest that a call waits for the next attempt; after a longer Retry-After it fails at once. Seconds."""
INITIAL_BACKOFF = 0.25
MAX_DOUBLINGS = 10


class TokenSource:
    """The part of `Session` that gives each call its access token, and ends the session if the server has."""

    def __init__(self, saved: PersistentSession, *, state: TokenState, on_ended: Ended | None) -> None:
        self.state = state
        self.on_ended = on_ended
        self._saved = saved
        self._single_flight: SingleFlight[Result] = SingleFlight()
        self._has_begun = False
        self._backoff = Backoff()

    def token_for_call(self, refused: AccessToken | None = None, *, is_stale: bool = False) -> Flow[AccessToken | None]:
        """The flow that returns a token for a call; None if not signed in, or if a refresh would not help.

        `refused` is the token that a 401 answered, `is_stale` whether that said CLAIMS_CHANGED. Raises
        SessionEndedError and RefreshUnavailableError.
        """
        state = self.state
        yield from self._open()
        with state.lock:
            sid, serial, token = state.sid, state.serial, state.current
        if refused is not None and sid != refused.sid:
            raise self._ended_error()
        is_refused = refused is not None and token is refused
        now = clock.now()
        if is_refused and token is not None and now < token.grace_until and not is_stale:
            return None
        if token is not None and not is_refused and token.expires_at > now:
            if token.refresh_after <= now and not self._single_flight.is_running and self._backoff.remaining <= 0:
                yield InBackground(self._join(token.serial))
            return token
        if sid is None:
            self._saved.refresh_if_changed()  # another program may have signed in
            sid = state.sid
        serial = serial if token is None else token.serial
        return (yield from self._refreshed_token(sid, serial)) if sid is not None else None

    def refresh(self) -> Flow[None]:
        """The flow that refreshes now, however long the token lasts.

        Raises SessionEndedError and RefreshUnavailableError.
        """
        yield from self._open()
        with self.state.lock:
            sid, serial = self.state.sid, self.state.serial
        if sid is not None:
            yield from self._refreshed_token(sid, serial)

    def _open(self) -> Flow[None]:
        if self._has_begun:
            return
        yield Work(self._saved.refresh_if_changed)
        self._has_begun = True
        if self._saved.record.signed_out:
            yield InBackground(Run(lambda: confirm_sign_outs(self._saved)))

    def _join(self, serial: int) -> Join[Result]:
        return Join(self._single_flight, partial(self._refresh_once, serial))

    def _refreshed_token(self, sid: str, serial: int) -> Flow[AccessToken | None]:
        """Wait for a token of this session that is newer than `serial`, and return it."""
        state = self.state
        result: Result | None = None
        # Twice: the first flight may have begun for an older token than the one that was refused.
        for _ in range(2):
            result = yield self._join(serial)
            if state.serial > serial or result.kind == "transient":
                break
        if result is not None and result.kind == "ended" and result.sid == sid:
            raise self._ended_error(result)
        with state.lock:
            status, owner, token = state.status, state.sid, state.usable
        if status == "anonymous":
            return None
        # Ended, or another sign-in by now: a call that was made for one user is never sent for another.
        if owner != sid:
            raise self._ended_error()
        if result is not None and result.kind == "transient":
            raise RefreshUnavailableError(retry_after=result.retry_after) from result.cause
        return token

    def _refresh_once(self, serial: int) -> Flow[Result]:
        """The flow that a flight runs: wait out the back-off, refresh, draw the consequences."""
        backoff = self._backoff.remaining
        if backoff > MAX_BACKOFF:
            return Result("transient", self.state.sid, retry_after=backoff)
        if backoff > 0:
            yield Pause(backoff)
        result = yield from refresh(self._saved, serial)
        return self._conclude(result)

    def _conclude(self, result: Result) -> Result:
        match result.kind:
            case "ok" | "shared":
                self._backoff.clear()
                log.debug("session refreshed")
            case "ended":
                self._end(result.sid, result.reason or "unknown")
            case "transient":
                wait = self._backoff.note_failure(result.retry_after)
                self.state.degrade(result.sid)
                why = type(result.cause).__name__ if result.cause else "no usable answer"
                log.warning("session could not be refreshed and is kept (%s), again in %.1f s", why, wait)
                return Result("transient", result.sid, retry_after=wait, cause=result.cause)
        return result

    def _end(self, sid: str | None, reason: str) -> None:
        """End the session in this program and call `on_ended`, once for each session."""
        with self.state.lock:  # another thread may sign in
            if self.state.sid != sid and not (self.state.sid is None and self.state.status == "anonymous"):
                return
            self.state.clear(status="ended", reason=reason)
        log.info("session ended: %s", reason)
        if self.on_ended is not None:
            try:
                self.on_ended(SessionEndedError(reason, session_id=sid))
            except Exception:  # of the application: its callers still hear of the end, and a sign-out goes on
                log.exception("on_ended failed")

    def _ended_error(self, result: Result | None = None) -> SessionEndedError:
        if result is not None:
            return SessionEndedError(result.reason or "unknown", session_id=result.sid)
        return SessionEndedError(self.state.reason or "replaced", session_id=None)


class Backoff:
    """How long the next refresh waits after one that failed.

    Doubles with each failure in a row, at random within its upper half: clients that failed together part.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._retry_at = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the next attempt may begin; 0 or less: now."""
        return self._retry_at - clock.now()

    def clear(self) -> None:
        """A refresh or a sign-in has succeeded."""
        self._failures, self._retry_at = 0, 0.0

    def note_failure(self, retry_after: float | None) -> float:
        """The seconds to wait, at least as many as the server says."""
        bound = min(MAX_BACKOFF, INITIAL_BACKOFF * 2**self._failures)
        wait = max(random.uniform(bound / 2, bound), retry_after or 0.0)  # noqa: S311 - guards nothing
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        self._retry_at = clock.now() + wait
        return wait
