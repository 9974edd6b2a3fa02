"""The session of one program: sign in, have a token when a call needs one, sign out.

    call → token_for_call() → enough time left?      it is sent at once
                            → little time left?      it is sent at once, and a refresh runs in the background
                            → expired, or a 401?     it waits for the refresh under way

No timer refreshes: an abandoned program lets its session end (PROTOCOL §8). A refresh leads to one of three things:
ok, ended (the server has ended this very session), or transient: then everything is kept, the status is *degraded*,
and the next call that needs a token tries again.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from gatepass.client import clock
from gatepass.client.errors import ClientError, RefreshUnavailableError, SessionEndedError, raise_for_problem
from gatepass.client.flow import Pause, Work
from gatepass.client.http import REQUEST_ERRORS
from gatepass.client.session.access_token import AccessToken, Status, TokenState
from gatepass.client.session.address import check_address
from gatepass.client.session.as_owner import exchange_as_owner
from gatepass.client.session.backoff import MAX_BACKOFF, Backoff
from gatepass.client.session.persistence import PersistentSession, log
from gatepass.client.session.refresh import Flow, Result, refresh
from gatepass.client.session.second_step import SecondStep, read_second_step
from gatepass.client.session.sign_in import confirm_sign_outs, exchange_credentials, sign_out, sign_out_everywhere
from gatepass.client.session.single_flight import InBackground, Join, Run, SingleFlight
from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.record import Account
from gatepass.core.secret import Secret

MARGIN = 60.0
TIMEOUT = 10.0
Ended = Callable[[SessionEndedError], object]
CodeMethod = Literal["totp", "recovery"]
"""The second steps whose proof is a code that the person types."""
_FAILURES: tuple[type[Exception], ...] = (ClientError, *REQUEST_ERRORS)


class Session:
    """A sign-in, shared by the clients that are given it (`Client(session=…)`), by threads, tasks and event loops.

    `auth_url`: the whole address of the auth endpoints. `storage`: where the session is kept (default: in memory).
    `margin`: seconds before its end from which on an access token is refreshed in the background, at most a third of
    its lifetime. `timeout`: seconds for each phase of a call to the auth endpoints. `on_ended` is called once when
    the session has ended, with the SessionEndedError, in the thread that found out.
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
        self._saved = PersistentSession(
            self.auth_url, storage=MemoryStorage() if storage is None else storage, state=self.state, timeout=timeout
        )
        self._single_flight: SingleFlight[Result] = SingleFlight()
        self._has_begun = False
        self._backoff = Backoff()

    def settle(self) -> None:
        """Try once more to save what the storage did not take. Clients do it when they are closed."""
        self._saved.settle()

    def __repr__(self) -> str:
        return f"<Session at {self.auth_url or 'no address'}: {self.state.status}>"

    @property
    def status(self) -> Status:
        """`active`, `degraded` (kept, but not refreshed or saved for now), `ended`, or `anonymous` (not signed in).

        Follows what other programs did to the storage. Raises StorageError for a storage that cannot be used.
        """
        self._saved.refresh_if_changed()
        return self.state.status

    @property
    def account(self) -> Account | None:
        """The account that is signed in. Raises StorageError."""
        self._saved.refresh_if_changed()
        return self.state.account

    @property
    def session_id(self) -> str | None:
        """The session's id at the server. Raises StorageError."""
        self._saved.refresh_if_changed()
        return self.state.sid

    @property
    def expires(self) -> float | None:
        """Seconds until the access token expires; None without one. The session lasts longer. Raises StorageError."""
        self._saved.refresh_if_changed()
        token = self.state.current
        return None if token is None else max(0.0, token.expires_at - clock.now())

    @property
    def reason(self) -> str | None:
        """Why it ended: expired, revoked, replaced, reused, unknown, signed-out, unproven. Raises StorageError."""
        self._saved.refresh_if_changed()
        return self.state.reason

    def token_for_call(self, refused: AccessToken | None = None, *, is_stale: bool = False) -> Flow[AccessToken | None]:
        """The flow that returns a token for a call; None if not signed in, or if a refresh would not help.

        `refused` is the token that a 401 answered, `is_stale` whether that said CLAIMS_CHANGED. Raises
        SessionEndedError and RefreshUnavailableError.
        """
        state = self.state
        yield from self._open()
        if refused is not None and refused.serial <= state.first_serial and refused is not state.current:
            raise self._ended_error()
        token = state.current
        is_refused = refused is not None and token is refused
        now = clock.now()
        if is_refused and token is not None and now < token.grace_until and not is_stale:
            return None
        if token is not None and not is_refused and token.expires_at > now:
            if token.refresh_after <= now and not self._single_flight.is_running and self._backoff.remaining <= 0:
                yield InBackground(self._join(token.serial))
            return token
        if state.sid is None:
            self._saved.refresh_if_changed()  # another program may have signed in
        return (yield from self._refreshed_token()) if state.sid is not None else None

    def sign_in(
        self, email: str, password: Secret, *, remember: bool, extra: Mapping[str, object] | None = None
    ) -> Flow[Account]:
        """The flow behind `Client.sign_in`."""
        if account := (yield from self._authenticate("login", email, password, remember, extra)):
            return account
        raise ClientError("The server answered a sign-in without an account.")

    def sign_up(
        self, email: str, password: Secret, *, remember: bool, extra: Mapping[str, object] | None = None
    ) -> Flow[Account | None]:
        """The flow behind `Client.sign_up`."""
        return (yield from self._authenticate("register", email, password, remember, extra))

    def show_code(self, method: str, members: dict[str, object]) -> Flow[Account]:
        """The flow behind `Client.sign_in_by_code`, and `sign_in_by_mail_code` (`method` mail-code)."""
        if account := (yield from self._enter(f"login/{method}", members)):
            return account
        raise ClientError("The server answered a code without an account.")

    def end_without_factors(self, ticket: Secret, token: Secret) -> Flow[Account]:
        """The flow behind `Client.complete_factor_recovery`."""
        account = yield from self._enter("login/factor-recovery/complete", {"ticket": ticket, "token": token})
        if account is None:
            raise ClientError("The server answered a recovery without an account.")
        return account

    def change_password(self, current: Secret, new: Secret) -> Flow[Account | None]:
        """The flow behind `Client.change_password`."""
        return (yield from self.begin_anew("password", {"current": current, "new": new}))

    def begin_anew(self, path: str, proof: dict[str, object]) -> Flow[Account | None]:
        """Post what proves the owner to an endpoint that ends every session and answers with a new one.

        A refused access token is refreshed once. Raises SessionEndedError if not signed in, and a ProblemError.
        """
        _, grant = yield from exchange_as_owner(self._saved, path, proof, token_for_call=self.token_for_call)
        if grant is None:
            raise ClientError(f"{self.auth_url}/{path} did not answer with a session.")
        return self.state.account

    def step_up(self) -> Flow[SecondStep]:
        """The flow behind `Client.step_up`."""
        answer, _ = yield from exchange_as_owner(self._saved, "step-up", {}, token_for_call=self.token_for_call)
        return read_second_step(answer)

    def sign_out(self, *, everywhere: bool) -> Flow[None]:
        """The flow behind `Client.sign_out`."""
        yield Work(self._saved.refresh_if_changed)
        sid = self.state.sid
        failure: Exception | None = None
        token: AccessToken | None = None
        if sid is not None:
            if everywhere:
                try:
                    token = yield from self.token_for_call()
                except ClientError as error:
                    failure = error
            yield from sign_out(self._saved, sid)
            self._end(sid, "signed-out")
            if token is not None:
                try:
                    answer = yield from sign_out_everywhere(self._saved, token)
                    raise_for_problem(answer.response)
                except _FAILURES as error:
                    failure = error
        yield from confirm_sign_outs(self._saved)
        if failure is not None:
            raise failure

    def refresh(self) -> Flow[None]:
        """The flow that refreshes now, however long the token lasts.

        Raises SessionEndedError and RefreshUnavailableError.
        """
        yield from self._open()
        if self.state.sid is not None:
            yield from self._refreshed_token()

    def _open(self) -> Flow[None]:
        if self._has_begun:
            return
        yield Work(self._saved.refresh_if_changed)
        self._has_begun = True
        if self._saved.record.signed_out:
            yield InBackground(Run(lambda: confirm_sign_outs(self._saved)))

    def _authenticate(
        self, path: str, email: str, password: Secret, remember: bool, extra: Mapping[str, object] | None
    ) -> Flow[Account | None]:
        check_address(self.auth_url)
        yield Work(self._saved.refresh_if_changed)
        credentials = {**(extra or {}), "email": email, "password": password, "remember": remember}
        return (yield from self._enter(path, credentials))

    def _enter(self, path: str, credentials: dict[str, object]) -> Flow[Account | None]:
        """Begin the session that the answer gives; None if the address must be verified first (202)."""
        answer, grant = yield from exchange_credentials(self._saved, path, credentials)
        if grant is None:
            raise_for_problem(answer.response)
            if answer.status == 202:
                return None
            raise ClientError(f"{self.auth_url}/{path} did not answer as an auth endpoint. Check auth_url.")
        self._backoff.clear()
        yield from confirm_sign_outs(self._saved)
        return self.state.account

    def _join(self, serial: int) -> Join[Result]:
        return Join(self._single_flight, partial(self._refresh_once, serial))

    def _refreshed_token(self) -> Flow[AccessToken | None]:
        """Wait for a refresh and return its token."""
        state = self.state
        sid, serial = state.sid, state.serial
        result: Result | None = None
        # Twice: the first flight may have begun for an older token than the one that was refused.
        for _ in range(2):
            result = yield self._join(serial)
            if state.serial > serial or result.kind == "transient":
                break
        if result is not None and result.kind == "ended" and result.sid == sid:
            raise self._ended_error(result)
        if state.status == "anonymous":
            return None
        # Ended, or another sign-in by now: a call that was made for one user is never sent for another.
        if state.sid != sid:
            raise self._ended_error()
        if result is not None and result.kind == "transient":
            raise RefreshUnavailableError(retry_after=result.retry_after) from result.cause
        return state.usable

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
                if self.state.sid is not None:
                    self.state.status = "degraded"
                why = type(result.cause).__name__ if result.cause else "no usable answer"
                log.warning("session could not be refreshed and is kept (%s), again in %.1f s", why, wait)
                return Result("transient", result.sid, retry_after=wait, cause=result.cause)
        return result

    def _end(self, sid: str | None, reason: str) -> None:
        """End the session in this program and call `on_ended`, once for each session."""
        if self.state.sid != sid and not (self.state.sid is None and self.state.status == "anonymous"):
            return
        self.state.clear(status="ended", reason=reason)
        log.info("session ended: %s", reason)
        if self.on_ended is not None:
            self.on_ended(SessionEndedError(reason, session_id=sid))

    def _ended_error(self, result: Result | None = None) -> SessionEndedError:
        if result is not None:
            return SessionEndedError(result.reason or "unknown", session_id=result.sid)
        return SessionEndedError(self.state.reason or "replaced", session_id=None)
