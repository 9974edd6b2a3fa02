"""Manages the signed-in account: its sessions, its password, its address, and its deletion.

    account = AccountActions(api)                     # of a Client; AsyncAccountActions(api) of an AsyncClient
    for session in account.sessions():
        print(session.client, "(this one)" if session.current else "")
    account.end_other_sessions()

The names are those of `gatepass/account` in browsers. Each method sends one request to the endpoint of that purpose
(PROTOCOL §6), through the layers of the client, and raises a ProblemError with the code that its description names.
When the server requires a recent sign-in (401 `insufficient-user-authentication`), ask for the password, call
`sign_in_again`, and repeat.
"""

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from urllib.parse import quote

from gatepass.client.aio import AsyncClient
from gatepass.client.endpoints.endpoint_call import Flow, call_endpoint
from gatepass.client.errors import SessionEndedError
from gatepass.client.flow import drive, drive_async
from gatepass.client.http import httpx
from gatepass.client.layers.session import session_of
from gatepass.client.storage.record import Account
from gatepass.client.sync import Client
from gatepass.core.secret import Secret

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session of the account, in this client or another. Times are Unix seconds."""

    id: str
    client: str
    """A label such as "Firefox on Linux"."""
    created_at: int
    last_used_at: int
    expires_at: int
    address: str
    """The network from which it was last used; never the whole address."""
    remember: bool
    bound: str
    """Whose the refresh token is: `no` for any holder, `key` for the client that keeps a key, or `device`."""
    methods: Sequence[str]
    """How the person signed in: names of RFC 8176, such as `pwd`, or of the application."""
    acr: str | None
    """The assurance, by the word of the system that authenticated; None if it said none."""
    authenticated_at: int
    """When the person signed in: `created_at`, or earlier at another system."""
    current: bool
    """Whether it is the session of this client."""


class AccountFlows:
    """The methods, for both kinds of client. `token` is the text in the fragment of a mailed link."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client: Any = client

    def sessions(self) -> Flow[Sequence[SessionInfo]]:
        """The sessions of the account, newest first."""
        response = yield from self._call("GET", "sessions")
        names = [field.name for field in fields(SessionInfo)]
        return [SessionInfo(**{name: each[name] for name in names}) for each in response.json()["sessions"]]

    def end_session(self, session_id: str) -> Flow[None]:
        """End one session. Its client is signed out at its next request; the current one is signed out here at once."""
        if session_id == self.client.session.session_id:
            yield from self.client.session.sign_out(everywhere=False, sid=session_id)
        else:
            yield from self._call("DELETE", f"sessions/{quote(session_id, safe='')}")

    def end_other_sessions(self) -> Flow[None]:
        """End all sessions except the current one."""
        yield from self._call("POST", "logout-others")

    def sign_in_again(self, password: str) -> Flow[Account]:
        """Sign the same account in again, if a recent sign-in is required. `remember` stays as it is.

        Raises SessionEndedError, and as `Client.sign_in`.
        """
        secret = Secret(password)
        del password  # crash reports show local variables
        listed = yield from self.sessions()
        account = self.client.session.account
        if account is None:
            raise SessionEndedError("unknown")
        remember = any(each.remember for each in listed if each.current)
        again: Account = yield from self.client.session.sign_in(account.email, secret, remember=remember)
        return again

    def change_password(self, current: str, new: str) -> Flow[None]:
        """End every session, and begin a new one here.

        `invalid-credentials` (403): `current` is wrong; `password-…`: `new` is refused.
        """
        secrets = (Secret(current), Secret(new))
        del current, new
        yield from self.client.session.change_password(*secrets)

    def forgot_password(self, email: str) -> Flow[None]:
        """Request a mail with a link to set a new password. Returns for every address, known or not."""
        yield from self._call("POST", "password/forgot", {"email": email})

    def reset_password(self, token: str, new: str) -> Flow[None]:
        """Set a password by a mailed link. Every session ends, and no new one begins.

        `invalid-link`: used, or too old.
        """
        body = {"token": Secret(token), "new": Secret(new)}
        del token, new
        yield from self._call("POST", "password/reset", body)

    def resend_verification(self, email: str) -> Flow[None]:
        """Request the mail of a sign-up again. Returns for every address."""
        yield from self._call("POST", "verify/resend", {"email": email})

    def change_email(
        self, email: str, password: str | None = None, *, extra: Mapping[str, object] | None = None
    ) -> Flow[None]:
        """Request a mail to a new address. `invalid-credentials` (403): the password is wrong.

        An account without a password needs a recent sign-in instead. `extra`: members that rules of the application
        require beside these.
        """
        body = {**(extra or {}), "email": email, **_proof_of(password)}
        del password
        yield from self._call("POST", "email", body)

    def confirm_email(self, token: str) -> Flow[None]:
        """Confirm a new address by its mailed link, signed in to the account that requested it.

        Every session ends, and a new one begins here. `invalid-link`: used, or too old.
        """
        secret = Secret(token)
        del token
        yield from self.client.session.begin_anew("email/confirm", {"token": secret})

    def delete_account(self, password: str | None = None, *, extra: Mapping[str, object] | None = None) -> Flow[None]:
        """Delete the account at the server and sign out here. `invalid-credentials` (403): the password is wrong.

        An account without a password needs a recent sign-in instead. `extra`: members that rules of the application
        require beside it.
        """
        body = {**(extra or {}), **_proof_of(password)}
        del password
        sid = self.client.session.session_id  # another user may sign in meanwhile
        sid = session_of((yield from self._call("POST", "account/delete", body))) or sid
        if sid is not None:
            yield from self.client.session.sign_out(everywhere=False, sid=sid)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Flow[httpx.Response]:
        return call_endpoint(self.client, method, path, body)


def _proof_of(password: str | None) -> Mapping[str, object]:
    return {} if password is None else {"password": Secret(password)}


class Blocking(Generic[Parameters, Result]):
    """A method whose flow a `Client` runs."""

    def __init__(self, flow: Callable[Concatenate[AccountFlows, Parameters], Flow[Result]]) -> None:
        functools.update_wrapper(self, flow)  # type: ignore[arg-type]
        self._flow = flow

    def __get__(self, owner: "AccountActions | None", _kind: object = None) -> Callable[Parameters, Result]:
        if owner is None:  # asked of the class, by help() or create_autospec()
            return self.__wrapped__  # type: ignore[attr-defined,no-any-return]
        return lambda *args, **kwargs: drive(self._flow(owner._flows, *args, **kwargs), owner._flows.client)


class Awaited(Generic[Parameters, Result]):
    """A method whose flow an `AsyncClient` runs."""

    def __init__(self, flow: Callable[Concatenate[AccountFlows, Parameters], Flow[Result]]) -> None:
        functools.update_wrapper(self, flow)  # type: ignore[arg-type]
        self._flow = flow

    def __get__(
        self, owner: "AsyncAccountActions | None", _kind: object = None
    ) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
        if owner is None:
            return self.__wrapped__  # type: ignore[attr-defined,no-any-return]
        return lambda *args, **kwargs: drive_async(self._flow(owner._flows, *args, **kwargs), owner._flows.client)


class AccountActions:
    """The account that is signed in with a `Client`."""

    def __init__(self, client: Client) -> None:
        self._flows = AccountFlows(client)

    sessions = Blocking(AccountFlows.sessions)
    end_session = Blocking(AccountFlows.end_session)
    end_other_sessions = Blocking(AccountFlows.end_other_sessions)
    sign_in_again = Blocking(AccountFlows.sign_in_again)
    change_password = Blocking(AccountFlows.change_password)
    forgot_password = Blocking(AccountFlows.forgot_password)
    reset_password = Blocking(AccountFlows.reset_password)
    resend_verification = Blocking(AccountFlows.resend_verification)
    change_email = Blocking(AccountFlows.change_email)
    confirm_email = Blocking(AccountFlows.confirm_email)
    delete_account = Blocking(AccountFlows.delete_account)


class AsyncAccountActions:
    """The account that is signed in with an `AsyncClient`."""

    def __init__(self, client: AsyncClient) -> None:
        self._flows = AccountFlows(client)

    sessions = Awaited(AccountFlows.sessions)
    end_session = Awaited(AccountFlows.end_session)
    end_other_sessions = Awaited(AccountFlows.end_other_sessions)
    sign_in_again = Awaited(AccountFlows.sign_in_again)
    change_password = Awaited(AccountFlows.change_password)
    forgot_password = Awaited(AccountFlows.forgot_password)
    reset_password = Awaited(AccountFlows.reset_password)
    resend_verification = Awaited(AccountFlows.resend_verification)
    change_email = Awaited(AccountFlows.change_email)
    confirm_email = Awaited(AccountFlows.confirm_email)
    delete_account = Awaited(AccountFlows.delete_account)
