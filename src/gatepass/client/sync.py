"""`Client`: an `httpx2.Client` whose calls pass through layers, with a session; or an `httpx.Client`.

Every method of httpx2's client calls `send`, which therefore sees the final response or the exception of every call.
"""

import contextlib
from abc import ABCMeta
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from gatepass.client.base import BaseClient, ClientOptions, direct_to_loopback, kinds_of, split_options
from gatepass.client.body_replay import remember_start
from gatepass.client.call_options import prepare
from gatepass.client.connections import TransportPerProcess
from gatepass.client.endpoints.links import links_for
from gatepass.client.endpoints.lost_factors import FactorRecovery, cancel_recovery, start_recovery
from gatepass.client.flow import Call, drive
from gatepass.client.http import CLIENT_DEFAULTS, STATUS_ERRORS, TRANSPORT_ERRORS, httpx
from gatepass.client.session.cookies import exclude_own_cookies
from gatepass.client.session.mail_code import MailCode, request_mail_code
from gatepass.client.session.second_step import SecondStep
from gatepass.client.session.session import CodeMethod
from gatepass.client.storage.record import Account
from gatepass.core.secret import Secret, without_frames

if TYPE_CHECKING:
    _Base = httpx.Client
else:
    _Base = object  # each kind below adds its library's client


class SyncCalls(BaseClient, _Base):
    """What `Client` adds to the client of either library."""

    def __init__(self, base_url: Any = "", **options: Unpack[ClientOptions]) -> None:
        own, others = split_options(options)
        self._same_library(base_url, others)
        direct_to_loopback(base_url, own, others)
        super().__init__(base_url=base_url, **others)
        self._configure(self.base_url, self.timeout, options=own)
        exclude_own_cookies(self.cookies.jar)

    def _init_transport(self, *, transport: Any = None, **options: Any) -> Any:  # type: ignore[override]
        if transport is not None:
            return transport
        return TransportPerProcess(partial(self.library.HTTPTransport, **options))

    def _init_proxy_transport(self, proxy: Any, **options: Any) -> Any:  # type: ignore[override]
        return TransportPerProcess(partial(self.library.HTTPTransport, proxy=proxy, **options))

    def sign_in(
        self, email: str, password: str, *, remember: bool = True, extra: Mapping[str, object] | None = None
    ) -> Account:
        """Sign in. A session that there was ends at the server. `remember`: False for a session of this run alone.

        `extra`: members that rules of the application require beside these.

        Raises SecondFactorRequiredError, after which `sign_in_by_code` ends the sign-in; UnauthenticatedError
        (`invalid-credentials`), TooManyRequestsError, and httpx's error if no answer arrives.
        """
        flow = self.session.sign_in(email, Secret(password), remember=remember, extra=extra)
        del password  # crash reports show local variables
        return drive(flow, self)

    def sign_in_by_code(self, ticket: str, code: str, *, method: CodeMethod = "totp") -> Account:
        """End a sign-in, or a step-up, with a code of an authenticator app, or with a recovery code, which is used up.

        `ticket` is that of its first step, and `method` one of the methods that it named. Spaces do not matter.

        Raises UnauthenticatedError (`invalid-code`: ask again), BadRequestError (`sign-in-expired`: sign in again), and
        TooManyRequestsError.
        """
        flow = self.session.show_code(method, {"ticket": Secret(ticket), "code": Secret("".join(code.split()))})
        del ticket, code  # crash reports show local variables
        return drive(flow, self)

    def start_factor_recovery(self, ticket: str) -> FactorRecovery:
        """Say that the second factors are lost, and the recovery codes too. A mail goes to the owner at once.

        `ticket` is that of the SecondFactorRequiredError. Asking again restarts nothing. Raises ForbiddenError
        (`not-offered`: an administrator removes them) and BadRequestError (`sign-in-expired`).
        """
        flow = start_recovery(self, Secret(ticket))
        del ticket  # crash reports show local variables
        return drive(flow, self)

    def complete_factor_recovery(self, ticket: str, token: str) -> Account:
        """End a sign-in by removing all factors, with the `token` of the mailed link. All other sessions end.

        Raises ConflictError (`recovery-not-ready`: `facts["ready_at"]` says when), UnprocessableError (`invalid-link`),
        BadRequestError (`sign-in-expired`), or SecondFactorRequiredError where a new factor must be enrolled.
        """
        flow = self.session.end_without_factors(Secret(ticket), Secret(token))
        del ticket, token  # crash reports show local variables
        return drive(flow, self)

    def cancel_factor_recovery(self, token: str | None = None) -> None:
        """Keep the factors: with the `token` of the mailed link, or without one as the owner who is signed in.

        Raises UnprocessableError (`invalid-link`), or NotFoundError if nothing was asked for.
        """
        flow = cancel_recovery(self, None if token is None else Secret(token))
        del token  # crash reports show local variables
        drive(flow, self)

    def request_mail_code(
        self, email: str, *, again: str | None = None, extra: Mapping[str, object] | None = None
    ) -> MailCode:
        """Have a code mailed to an address, which `sign_in_by_mail_code` takes with the ticket of the answer.

        The answer is the same for an address without an account. `again` is the ticket of an earlier request, whose
        mail did not arrive: until a code was tried, the same code is mailed again. `extra` as in `sign_in`.

        Raises TooManyRequestsError, UnprocessableError (`invalid-body`), NotFoundError where there are no such codes.
        """
        flow = request_mail_code(self.session, email, again=Secret(again) if again else None, extra=extra)
        return drive(flow, self)

    def sign_in_by_mail_code(
        self, ticket: str, code: str, *, remember: bool = True, extra: Mapping[str, object] | None = None
    ) -> Account:
        """Sign in with a mailed code. Capitals, spaces and hyphens do not matter.

        Raises UnauthenticatedError (`invalid-mail-code`: ask for it again), BadRequestError (`sign-in-expired`: have
        another one mailed), SecondFactorRequiredError and TooManyRequestsError.
        """
        shown = {"ticket": Secret(ticket), "code": Secret(code), "remember": remember}
        flow = self.session.show_code("mail-code", {**(extra or {}), **shown})
        del ticket, code  # crash reports show local variables
        return drive(flow, self)

    def step_up(self) -> SecondStep:
        """Begin to step up the session, after a StepUpRequiredError with `acr_values`.

        `sign_in_by_code` ends it with the ticket: a new session takes the place of this
        one. Then make the call once more. Raises SessionEndedError if not signed in, and ForbiddenError
        (`no-second-factor`).
        """
        return drive(self.session.step_up(), self)

    def sign_up(
        self, email: str, password: str, *, remember: bool = True, extra: Mapping[str, object] | None = None
    ) -> Account | None:
        """Register and sign in. Returns None if the server requires the address to be verified first.

        `extra`: members that rules of the application require, such as the code of an invitation.

        Raises ForbiddenError (`registration-closed`), ConflictError (`email-taken`), UnprocessableError, and what
        `sign_in` raises.
        """
        flow = self.session.sign_up(email, Secret(password), remember=remember, extra=extra)
        del password  # crash reports show local variables
        return drive(flow, self)

    def change_password(self, current: str, new: str) -> None:
        """Change the password of the account. Every session of it ends; a new one begins here.

        Raises SessionEndedError if not signed in, ForbiddenError (`invalid-credentials`), UnprocessableError, and what
        `sign_in` raises.
        """
        flow = self.session.change_password(Secret(current), Secret(new))
        del current, new  # crash reports show local variables
        drive(flow, self)

    def sign_out(self, *, everywhere: bool = False) -> None:
        """End the session; with `everywhere`, every session of the account.

        It takes effect here at once. Without a network the server is asked again later; with `everywhere`, which is
        not repeated, httpx's error is raised.
        """
        drive(self.session.sign_out(everywhere=everywhere), self)

    def link(self, path: str) -> str:
        """Make an address that opens `path`, with its query, by GET and without a header, for some minutes.

        It dies with the session. For routes that ask for `link_principal`. `links` makes many at once. Raises
        UnauthenticatedError if not signed in, UnprocessableError for an address that no link can be for.
        """
        return self.links([path])[0]

    def links(self, paths: Sequence[str]) -> list[str]:
        """Make an address for each path, as `link`, with one request for 200."""
        return drive(links_for(self, paths), self)

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request through the layers. Raises what the layers raise: httpx's errors and ClientError."""
        if auth in CLIENT_DEFAULTS and self.auth is not None:
            auth = self.auth
        call = Call(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        if call.options:
            prepare(call)
        remember_start(request)
        return drive(self._chain(call), self)

    def close(self) -> None:
        """Wait for what runs in the background of the calls, then close the connections."""
        self._wait()
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._wait()
        super().__exit__(kind, error, trace)

    def _wait(self) -> None:
        self._threads.wait()
        self.session.settle()

    def _transmit(self, call: Call) -> httpx.Response:
        try:
            return super().send(
                call.request,
                stream=call.stream,
                auth=self._native(call.auth),
                follow_redirects=self._native(call.follow_redirects),
            )
        except TRANSPORT_ERRORS as error:
            without_frames(error)  # those of httpx's transports hold the headers
            raise

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        exclude_own_cookies(self.cookies.jar)
        return super(SyncCalls, self._for_endpoints(_forgiving)).send(request, auth=None, follow_redirects=False)


def _forgiving(hook: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A response hook that raises for no status."""

    def hooked(response: httpx.Response) -> None:
        with contextlib.suppress(*STATUS_ERRORS):
            hook(response)

    return hooked


class Client(SyncCalls, httpx.Client, metaclass=ABCMeta):
    """An `httpx2.Client` with a session, interceptors and layers. Threads may share it.

    `base_url` and `options` are those of httpx2, and `gatepass.client.base.OwnOptions`. Raises TypeError for an
    unknown option and for options that exclude each other.
    """

    library = httpx


Client.kinds = kinds_of(Client, SyncCalls)
