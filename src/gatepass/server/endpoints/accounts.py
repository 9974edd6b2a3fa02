"""The endpoints of accounts that mail has a part in, and the one that deletes an account.

    POST /register         verify mode: 202 for every address         POST /password/forgot   202 for every address
    POST /verify           link + password → 201, signed in           POST /password/reset    link + new one → 204
    POST /verify/resend    202 for every address                      POST /email             202 for every address
    DELETE /account        the password → 204                         POST /email/confirm     link → 204

Those that anybody may call pass the cross-site check first: no page elsewhere can make a visitor ask for mail.
Where no mail can be sent, or users are the application's own, they say so: 403 `not-offered`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gatepass.accounts.email_links import Recovery
from gatepass.errors import Forbidden, InvalidCredentials
from gatepass.server.endpoints.sessions import Endpoint, Routes
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies
from gatepass.wire.bodies import (
    Credentials,
    DeleteAccountRequest,
    EmailChange,
    EmailConfirmation,
    EmailRequest,
    VerifyRequest,
)
from gatepass.wire.bodies import PasswordReset as Reset


@dataclass(frozen=True, slots=True)
class AccountRoutes:
    """The endpoints beside those of `routes`. `recovery` is None where no mail can be sent."""

    routes: Routes
    recovery: Recovery | None
    verifies: bool

    def table(self) -> Mapping[str, Mapping[str, Endpoint]]:
        """Path below the mount → method → endpoint; in verify mode another `/register`."""
        register: Mapping[str, Mapping[str, Endpoint]] = {"/register": {"POST": self.apply}} if self.verifies else {}
        return {
            **register,
            "/verify": {"POST": self.confirm},
            "/verify/resend": {"POST": self.resend},
            "/password/forgot": {"POST": self.forgot},
            "/password/reset": {"POST": self.reset},
            "/email": {"POST": self.move},
            "/email/confirm": {"POST": self.confirm_move},
            "/account": {"DELETE": self.delete},
        }

    async def apply(self, request: Request) -> Reply:
        """`POST /register` in verify mode: the answer is the same for every address, and carries no cookie."""
        self.routes.origins.check(request.headers)
        body = bodies.read(Credentials, await request.json(bodies.MAX_BYTES))
        email, email_key = bodies.parse_email(body.email)
        await self._recovery().apply(email, body.password, email_key=email_key, ip_prefix=self._ip_prefix(request))
        return Reply(202)

    async def resend(self, request: Request) -> Reply:
        """`POST /verify/resend`: another mail for whoever registered with this address."""
        self.routes.origins.check(request.headers)
        body = bodies.read(EmailRequest, await request.json(bodies.MAX_BYTES))
        await self._recovery().resend(bodies.parse_email(body.email)[1], ip_prefix=self._ip_prefix(request))
        return Reply(202)

    async def confirm(self, request: Request) -> Reply:
        """`POST /verify`: the link and the password that was chosen make the account and sign it in."""
        self.routes.origins.check(request.headers)
        body = bodies.read(VerifyRequest, await request.json(bodies.MAX_BYTES))
        caller = self.routes.caller(request)
        account = await self._recovery().confirm(body.token, body.password, ip_prefix=caller.ip_prefix)
        return await self.routes.sign_in(request, account, caller=caller, remember=body.remember, status=201)

    async def forgot(self, request: Request) -> Reply:
        """`POST /password/forgot`: mail with a link, if there is such an account."""
        self.routes.origins.check(request.headers)
        body = bodies.read(EmailRequest, await request.json(bodies.MAX_BYTES))
        await self._recovery().forgot(bodies.parse_email(body.email)[1], ip_prefix=self._ip_prefix(request))
        return Reply(202)

    async def reset(self, request: Request) -> Reply:
        """`POST /password/reset`: a new password by the link; every session ends, and nobody is signed in."""
        self.routes.origins.check(request.headers)
        body = bodies.read(Reset, await request.json(bodies.MAX_BYTES))
        await self._recovery().reset(body.token, body.new, ip_prefix=self._ip_prefix(request))
        return Reply(204)

    async def move(self, request: Request) -> Reply:
        """`POST /email`: ask for another address, with the password."""
        principal = self.routes.principal(request)
        body = bodies.read(EmailChange, await request.json(bodies.MAX_BYTES))
        recovery = self._recovery()
        email, email_key = bodies.parse_email(body.email)
        account = await self.routes.account(principal)
        try:
            await recovery.move(
                account, body.password, email=email, email_key=email_key, ip_prefix=self._ip_prefix(request)
            )
        except InvalidCredentials:
            raise _wrong_password() from None
        return Reply(202)

    async def confirm_move(self, request: Request) -> Reply:
        """`POST /email/confirm`: take the new address, signed in to the account that asked for it."""
        principal = self.routes.principal(request)
        body = bodies.read(EmailConfirmation, await request.json(bodies.MAX_BYTES))
        recovery = self._recovery()
        account = await self.routes.account(principal)
        await recovery.confirm_move(account, body.token, ip_prefix=self._ip_prefix(request), email_key=bodies.email_key)
        return Reply(204)

    async def delete(self, request: Request) -> Reply:
        """`DELETE /account`: forget the account, with the password."""
        principal = self.routes.principal(request)
        body = bodies.read(DeleteAccountRequest, await request.json(bodies.MAX_BYTES))
        self.routes.accounts.refuse_foreign()
        account = await self.routes.account(principal)
        try:
            await self.routes.accounts.confirm_owner(account, body.password, ip_prefix=self._ip_prefix(request))
        except InvalidCredentials:
            raise _wrong_password() from None
        await self.routes.accounts.delete(account.id)
        return Reply(204, cookies=self.routes.cookies.clear())

    def _recovery(self) -> Recovery:
        if self.recovery is None:
            raise Forbidden("not-offered", "This needs mail, which is not set up here; ask an administrator.")
        return self.recovery

    def _ip_prefix(self, request: Request) -> str:
        return self.routes.caller(request).ip_prefix


def _wrong_password() -> Forbidden:
    """403, not 401: the access token is fine, and a client must not answer this with a refresh."""
    return Forbidden("invalid-credentials", "The password is wrong.")
