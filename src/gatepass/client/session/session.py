"""The session of one program: sign in, step up, sign out. How a call gets its token: `token_source.py`."""

from collections.abc import Mapping
from typing import Literal

from gatepass.client.errors import ClientError, SessionEndedError, raise_for_problem
from gatepass.client.flow import Work
from gatepass.client.http import REQUEST_ERRORS
from gatepass.client.session import clock
from gatepass.client.session.access_token import AccessToken, Status, TokenState
from gatepass.client.session.address import check_address
from gatepass.client.session.as_owner import exchange_as_owner
from gatepass.client.session.persistence import PersistentSession
from gatepass.client.session.refresh import Flow
from gatepass.client.session.second_step import SecondStep, read_second_step
from gatepass.client.session.sign_in import confirm_sign_outs, exchange_credentials, sign_out, sign_out_everywhere
from gatepass.client.session.token_source import Ended, TokenSource
from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.record import Account
from gatepass.core.secret import Secret

MARGIN = 60.0
TIMEOUT = 10.0
CodeMethod = Literal["totp", "recovery"]
"""The second steps whose proof is a code that the person types."""
_FAILURES: tuple[type[Exception], ...] = (ClientError, *REQUEST_ERRORS)


class Session(TokenSource):
    """A sign-in, shared by the clients that are given it (`Client(session=…)`), by threads, tasks and event loops.

    `auth_url`: the whole address of the auth endpoints. `storage`: where the session is kept (default: in memory).
    `margin`: seconds before its end from which on an access token is refreshed in the background, at most a third of
    its lifetime. `timeout`: seconds for each phase of a call to the auth endpoints. `on_ended` is called once when
    the session has ended, with the SessionEndedError, in the thread that found out; an error that it raises is logged.
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
        state = TokenState(margin)
        storage = MemoryStorage() if storage is None else storage
        saved = PersistentSession(self.auth_url, storage=storage, state=state, timeout=timeout)
        super().__init__(saved, state=state, on_ended=on_ended)

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
        return grant.account

    def step_up(self) -> Flow[SecondStep]:
        """The flow behind `Client.step_up`."""
        answer, _ = yield from exchange_as_owner(self._saved, "step-up", {}, token_for_call=self.token_for_call)
        return read_second_step(answer)

    def sign_out(self, *, everywhere: bool, sid: str | None = None) -> Flow[None]:
        """The flow behind `Client.sign_out`. With `sid`, no other session is signed out."""
        yield Work(self._saved.refresh_if_changed)
        sid = sid or self.state.sid
        failure: Exception | None = None
        token: AccessToken | None = None
        if sid is not None:
            if everywhere:
                try:
                    token = yield from self.token_for_call()
                    if token is not None and token.sid != sid:
                        raise SessionEndedError("replaced", session_id=sid)
                except ClientError as error:
                    token, failure = None, error
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
        return grant.account
