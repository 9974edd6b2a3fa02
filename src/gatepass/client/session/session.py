"""The story of a session in one program: sign in, have a token when a call needs one, sign out.

    call → pass_for() → enough time left?      it goes at once
                      → little time left?      it goes at once, and a refresh runs beside it
                      → none left, or a 401?   it waits for the one refresh under way

No timer refreshes: an abandoned program lets its session end (PROTOCOL §8). A refresh comes to one of three things:
ok, ended (the server said so of this very session), or transient: then all is kept, the status is *degraded*, and it
is tried again when a call needs it.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gatepass.client.errors import ClientError, RefreshUnavailable, SessionEnded, raise_for_problem
from gatepass.client.flow import Pause, Work
from gatepass.client.http import httpx
from gatepass.client.session.access_token import Pass, Status, TokenState
from gatepass.client.session.persistence import Book, log
from gatepass.client.session.refresh import Flow, Result, rotate
from gatepass.client.session.sign_in import leave, leave_everywhere, settle, sign
from gatepass.client.session.single_flight import Beside, Join, Run, SingleFlight
from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.record import Account
from gatepass.errors import ConfigurationError
from gatepass.wire.origin import is_loopback, origin_of

LONGEST_BACKOFF = 5.0
"""What a call waits for the next attempt at most; with more to wait (a Retry-After) it fails at once. Seconds."""
FIRST_BACKOFF = 0.25
MARGIN = 60.0
TIMEOUT = 10.0
Ended = Callable[[SessionEnded], object]


class Session:
    """A sign-in, shared by the clients that are given it (`Client(session=…)`), by threads, tasks and event loops.

    `auth_url` is the whole address of the auth endpoints. `margin`: seconds before an access token's end from which
    on it is renewed beside a call (at most a third of its life). `timeout`: seconds for each phase of a call to the
    auth endpoints. `on_ended` is called once when the session is over, with the SessionEnded, in whatever thread
    learnt of it.
    """

    def __init__(
        self,
        auth_url: str,
        *,
        storage: Storage | None = None,
        margin: float = MARGIN,
        timeout: float = TIMEOUT,
        on_ended: Ended | None = None,
    ) -> None:
        self.auth_url = auth_url.rstrip("/")
        self.on_ended = on_ended
        self.state = TokenState(margin)
        self._book = Book(
            self.auth_url, storage=MemoryStorage() if storage is None else storage, state=self.state, timeout=timeout
        )
        self._flights: SingleFlight[Result] = SingleFlight()
        self._has_begun = False
        self._failures = 0
        self._retry_at = 0.0

    def __repr__(self) -> str:
        return f"<Session at {self.auth_url or 'no address'}: {self.state.status}>"

    @property
    def status(self) -> Status:
        """`active`; `degraded`: kept, but not refreshed or stored for now; `ended`; `anonymous`: nobody signed in.

        What other programs did to the storage is seen. Raises StorageError for a storage that cannot be used.
        """
        self._book.look()
        return self.state.status

    @property
    def account(self) -> Account | None:
        """Whose session it is."""
        self._book.look()
        return self.state.account

    @property
    def session_id(self) -> str | None:
        """The session's id at the server."""
        self._book.look()
        return self.state.sid

    @property
    def expires(self) -> float | None:
        """Seconds that the access token has left; None without one. Its end is no end of the session."""
        self._book.look()
        held = self.state.held
        return None if held is None else max(0.0, held.expires_at - time.monotonic())

    @property
    def reason(self) -> str | None:
        """Why it ended: expired, revoked, replaced, reused, unknown, signed-out."""
        self._book.look()
        return self.state.reason

    def pass_for(self, refused: Pass | None = None) -> Flow[Pass | None]:
        """The flow that has a token for a call; None where nobody is signed in, or where a new one would not help.

        `refused` is the pass that a 401 answered. Raises SessionEnded and RefreshUnavailable.
        """
        state = self.state
        yield from self._open()
        if refused is not None and refused.stamp <= state.since and refused is not state.held:
            raise self._over()
        held = state.held
        is_refused = refused is not None and held is refused
        now = time.monotonic()
        if is_refused and held is not None and now < held.young_until:
            return None
        if held is not None and not is_refused and held.expires_at > now:
            if held.ahead_at <= now and not self._flights.is_flying and self._retry_at <= now:
                yield Beside(self._join(held.stamp))
            return held
        if state.sid is None:
            # Somebody may have signed in, in another program.
            self._book.look()
        return (yield from self._renewed()) if state.sid is not None else None

    def sign_in(self, email: str, password: str, *, remember: bool) -> Flow[Account]:
        """The flow behind `Client.sign_in`."""
        account = yield from self._sign("login", email, password, remember)
        if account is None:
            raise ClientError("The server answered a sign-in without an account.")
        return account

    def sign_up(self, email: str, password: str, *, remember: bool) -> Flow[Account | None]:
        """The flow behind `Client.sign_up`."""
        return (yield from self._sign("register", email, password, remember))

    def sign_out(self, *, everywhere: bool) -> Flow[None]:
        """The flow behind `Client.sign_out`."""
        yield Work(self._book.look)
        sid = self.state.sid
        failure: Exception | None = None
        held: Pass | None = None
        if sid is not None:
            if everywhere:
                try:
                    held = yield from self.pass_for()
                except ClientError as error:
                    failure = error
            yield from leave(self._book, sid)
            self._end(sid, "signed-out")
            if held is not None:
                try:
                    answer = yield from leave_everywhere(self._book, held)
                    raise_for_problem(answer.response)
                except (ClientError, httpx.RequestError) as error:
                    failure = error
        yield from settle(self._book)
        if failure is not None:
            raise failure

    def refresh(self) -> Flow[None]:
        """The flow that refreshes now, whatever time is left. Raises SessionEnded and RefreshUnavailable."""
        yield from self._open()
        if self.state.sid is not None:
            yield from self._renewed()

    def _open(self) -> Flow[None]:
        if self._has_begun:
            return
        yield Work(self._book.look)
        self._has_begun = True
        if self._book.stored.signed_out:
            yield Beside(Run(lambda: settle(self._book)))

    def _sign(self, path: str, email: str, password: str, remember: bool) -> Flow[Account | None]:
        self._check_address()
        yield Work(self._book.look)
        credentials: dict[str, object] = {"email": email, "password": password, "remember": remember}
        answer, grant = yield from sign(self._book, path, credentials)
        if grant is None:
            raise_for_problem(answer.response)
            if answer.status == 202:
                return None
            raise ClientError(f"No sign-in is at {self.auth_url}/{path}: the answer was not one. Check auth_url.")
        self._failures, self._retry_at = 0, 0.0
        yield from settle(self._book)
        return self.state.account

    def _join(self, stamp: int) -> Join[Result]:
        return Join(self._flights, partial(self._fly, stamp))

    def _renewed(self) -> Flow[Pass | None]:
        """Wait for a refresh, and have its token."""
        state = self.state
        sid, stamp = state.sid, state.stamp
        result: Result | None = None
        # Twice: the flight that was joined may have begun for an older token than the one that was refused.
        for _ in range(2):
            result = yield self._join(stamp)
            if state.stamp > stamp or result.kind == "transient":
                break
        if result is not None and result.kind == "ended" and result.sid == sid:
            raise self._over(result)
        if state.status == "anonymous":
            return None
        # Ended, or another sign-in by now: what was meant for one user is never sent for another.
        if state.sid != sid:
            raise self._over()
        if result is not None and result.kind == "transient":
            raise RefreshUnavailable(retry_after=result.retry_after) from result.cause
        return state.usable

    def _fly(self, stamp: int) -> Flow[Result]:
        """The one refresh under way."""
        backoff = self._retry_at - time.monotonic()
        if backoff > LONGEST_BACKOFF:
            return Result("transient", self.state.sid, retry_after=backoff)
        if backoff > 0:
            yield Pause(backoff)
        result = yield from rotate(self._book, stamp)
        return self._conclude(result)

    def _conclude(self, result: Result) -> Result:
        match result.kind:
            case "ok" | "shared":
                self._failures, self._retry_at = 0, 0.0
                log.debug("session refreshed")
            case "ended":
                self._end(result.sid, result.reason or "unknown")
            case "transient":
                most = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**self._failures)
                backoff = random.uniform(most / 2, most)  # noqa: S311 - keeps clients apart, guards nothing
                wait = max(backoff, result.retry_after or 0.0)
                self._failures = min(self._failures + 1, 10)
                self._retry_at = time.monotonic() + wait
                if self.state.sid is not None:
                    self.state.status = "degraded"
                told = type(result.cause).__name__ if result.cause else "no usable answer"
                log.warning("session could not be refreshed and is kept (%s), again in %.1f s", told, wait)
                return Result("transient", result.sid, retry_after=wait, cause=result.cause)
        return result

    def _end(self, sid: str | None, reason: str) -> None:
        """Over, in this program; the application is told once."""
        if self.state.sid != sid and not (self.state.sid is None and self.state.status == "anonymous"):
            return
        self.state.clear(status="ended", reason=reason)
        log.info("session ended: %s", reason)
        if self.on_ended is not None:
            self.on_ended(SessionEnded(reason, session_id=sid))

    def _over(self, result: Result | None = None) -> SessionEnded:
        if result is not None:
            return SessionEnded(result.reason or "unknown", session_id=result.sid)
        return SessionEnded(self.state.reason or "replaced", session_id=None)

    def _check_address(self) -> None:
        if not self.auth_url.startswith(("http://", "https://")):
            raise ConfigurationError(
                "There is no address to sign in at: give the client a base_url, or a whole auth_url."
            )
        if origin_of(self.auth_url).startswith("http:") and not is_loopback(self.auth_url):
            raise ConfigurationError(
                f"{self.auth_url} is not https: the password would cross the network in the clear."
            )


def join_url(base_url: Any, auth_url: str) -> str:
    """The whole address of the auth endpoints; "" where there is no origin to join it to."""
    if auth_url.startswith(("http://", "https://")):
        return auth_url
    base = httpx.URL(base_url)
    return str(base.join(auth_url)) if base.host else ""
