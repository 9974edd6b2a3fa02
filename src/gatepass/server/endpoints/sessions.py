"""The endpoints of PROTOCOL §6, each in three beats: read the request, ask a service, reply.

Routes that read a cookie, and login and register, pass the cross-site check before anything else is looked
at. Routes that take a bearer token need none: a browser never sends a token by itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from gatepass.accounts.service import Accounts
from gatepass.core.access_token import Principal
from gatepass.core.account import Account
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.rotation import Ended, Late
from gatepass.errors import (
    Forbidden,
    InvalidCredentials,
    InvalidToken,
    RefreshSuperseded,
    SessionEnded,
    Unauthenticated,
)
from gatepass.ports import Clock
from gatepass.server import refresh_cookie as presented
from gatepass.server.http import Reply, Request
from gatepass.server.limits import Limiter
from gatepass.sessions.service import Caller, Sessions
from gatepass.sessions.tokens import Grant
from gatepass.wire import bodies
from gatepass.wire.asgi import reclaim
from gatepass.wire.bodies import Credentials, PasswordChange
from gatepass.wire.cookies import Cookies
from gatepass.wire.device import Network, client_address, client_label, coarse
from gatepass.wire.origin import Origins

Authenticate = Callable[[list[str]], Principal]
Endpoint = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Routes:
    """The endpoints over one gate's services. `authenticate` is the guards' check, handed in."""

    sessions: Sessions
    accounts: Accounts
    keys: KeyRing
    cookies: Cookies
    origins: Origins
    clock: Clock
    authenticate: Authenticate
    limiter: Limiter
    trusted_proxies: tuple[Network, ...] = ()

    def table(self) -> Mapping[str, Mapping[str, Endpoint]]:
        """Path below the mount → method → endpoint."""
        return {
            "/register": {"POST": self.register},
            "/login": {"POST": self.login},
            "/refresh": {"POST": self.refresh},
            "/logout": {"POST": self.logout},
            "/password": {"POST": self.change_password},
            "/me": {"GET": self.me},
        }

    async def register(self, request: Request) -> Reply:
        """`POST /register`: make an account and sign it in."""
        self.origins.check(request.headers)
        body = bodies.read(Credentials, await request.json(bodies.MAX_BYTES))
        email, email_key = bodies.parse_email(body.email)
        caller = self.caller(request)
        account = await self.accounts.register(email, body.password, email_key=email_key, ip_prefix=caller.ip_prefix)
        return await self.sign_in(request, account, caller=caller, remember=body.remember, status=201)

    async def login(self, request: Request) -> Reply:
        """`POST /login`: exchange credentials for a session; the one that the request carried ends."""
        self.origins.check(request.headers)
        body = bodies.read(Credentials, await request.json(bodies.MAX_BYTES))
        caller = self.caller(request)
        account = await self.accounts.authenticate(
            bodies.email_key(body.email),
            body.password,
            ip_prefix=caller.ip_prefix,
            typed=body.email,
            devices=self._devices(request),
        )
        return await self.sign_in(request, account, caller=caller, remember=body.remember, status=200)

    async def refresh(self, request: Request) -> Reply:
        """`POST /refresh`: exchange the refresh token (the table of PROTOCOL §4)."""
        self.origins.check(request.headers)
        key = presented.read_key(request.headers)
        await request.json(bodies.MAX_BYTES)
        came = self.cookies.read(reclaim(request.scope, request.headers))
        believed = request.headers.one(b"gatepass-session")
        token = presented.choose([text for _, text in came], self.keys, believed_sid=believed)
        if key is not None and key.generation != token.generation:
            return await self._superseded(token)
        if believed is not None and believed != token.sid.hex():
            raise presented.mismatch()
        ip_prefix = self.ip_prefix(request)
        self.limiter.refresh(token.sid, ip_prefix)
        refreshed = await self.sessions.refresh(token, key_hash=key.digest if key else None, ip_prefix=ip_prefix)
        match refreshed:
            case Grant(access_token=None):
                problem = RefreshSuperseded(generation=refreshed.token.generation)
                return Reply.of(problem, cookies=self._issue(refreshed))
            case Grant():
                stale = self.cookies.expire_other(came, request.scope["path"])
                return Reply(200, bodies.dump(_grant_json(refreshed)), cookies=self._issue(refreshed, stale))
            case Late():
                raise RefreshSuperseded
            case Ended(reason):
                raise SessionEnded(sid=token.sid.hex(), reason=reason)
            case _:
                assert_never(refreshed)

    async def logout(self, request: Request) -> Reply:
        """`POST /logout`: end the session of the cookie and that of the bearer token; idempotent."""
        self.origins.check(request.headers)
        await request.json(bodies.MAX_BYTES)
        came = self.cookies.read(reclaim(request.scope, request.headers))
        presented.refuse_unknown_keys([text for _, text in came], self.keys)
        sids = {token.sid for token in presented.authentic([text for _, text in came], self.keys)}
        believed = request.headers.one(b"gatepass-session")
        if believed is not None and sids and believed not in {sid.hex() for sid in sids}:
            raise presented.mismatch()
        for sid in sids | self._bearer_sid(request):
            await self.sessions.revoke(sid, reason="revoked")
        stale = self.cookies.expire_other(came, request.scope["path"])
        return Reply(204, cookies=[*self.cookies.clear(), *stale])

    async def change_password(self, request: Request) -> Reply:
        """`POST /password`: needs the current one; every other session ends."""
        principal = self.principal(request)
        body = bodies.read(PasswordChange, await request.json(bodies.MAX_BYTES))
        account = await self.account(principal)
        try:
            await self.accounts.change_password(
                account,
                body.current,
                new=body.new,
                keep=bytes.fromhex(principal.session_id),
                ip_prefix=self.ip_prefix(request),
            )
        except InvalidCredentials:
            # 403, not 401: the access token is fine, and a client must not answer this with a refresh.
            raise Forbidden("invalid-credentials", "The current password is wrong.") from None
        return Reply(204)

    async def me(self, request: Request) -> Reply:
        """`GET /me`: the account of the bearer."""
        account = await self.account(self.principal(request))
        return Reply(200, bodies.dump(bodies.account_json(account)))

    async def sign_in(
        self, request: Request, account: Account, *, caller: Caller, remember: bool, status: int
    ) -> Reply:
        """Begin a session in favour of those that came with the request."""
        came = self.cookies.read(reclaim(request.scope, request.headers))
        brought = {token.sid for token in presented.authentic([text for _, text in came], self.keys)}
        grant = await self.sessions.sign_in(account, caller=caller, remember=remember, replacing=brought)
        if grant is None:
            raise InvalidCredentials
        body = {**_grant_json(grant), "account": bodies.account_json(account)}
        stale = self.cookies.expire_other(came, request.scope["path"])
        return Reply(status, bodies.dump(body), cookies=self._issue(grant, stale))

    async def _superseded(self, token: RefreshToken) -> Reply:
        """Header and cookie were read at different moments: tell the right generation, change nothing."""
        remember = await self.sessions.is_remembered(token.sid)
        state = self.cookies.state(token, remember=remember, now=self.clock.now())
        return Reply.of(RefreshSuperseded(generation=token.generation), cookies=[state])

    def _issue(self, grant: Grant, stale: list[str] | None = None) -> list[str]:
        return self.cookies.issue(
            grant.token, grant.text, remember=grant.session.remember, now=grant.now, stale=stale or ()
        )

    def principal(self, request: Request) -> Principal:
        """Whose access token came. Raises Unauthenticated."""
        return self.authenticate(request.headers.all(b"authorization"))

    def _devices(self, request: Request) -> tuple[bytes, ...]:
        """The sessions whose refresh tokens came along, live or ended."""
        came = self.cookies.read(reclaim(request.scope, request.headers))
        return tuple({token.sid for token in presented.authentic([text for _, text in came], self.keys)})

    def _bearer_sid(self, request: Request) -> set[bytes]:
        """The session of a bearer token that holds; none otherwise: a logout needs no valid access token."""
        try:
            return {bytes.fromhex(self.principal(request).session_id)}
        except Unauthenticated:
            return set()

    async def account(self, principal: Principal) -> Account:
        """The account of an access token, as it is now. Raises InvalidToken where it is closed or gone."""
        account = await self.accounts.find(principal.account_id)
        if account is None or account.disabled_at is not None:
            raise InvalidToken("no such account")
        return account

    def caller(self, request: Request) -> Caller:
        """Where a request comes from."""
        label = client_label(request.headers.first(b"user-agent"))
        return Caller(client=label, ip_prefix=self.ip_prefix(request))

    def ip_prefix(self, request: Request) -> str:
        """The network that a request comes from; trusted proxies say which."""
        forwarded = request.headers.all(b"x-forwarded-for")
        return coarse(client_address(request.peer, forwarded, self.trusted_proxies))


def _grant_json(grant: Grant) -> dict[str, object]:
    return {
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in,
        "session_id": grant.session.sid.hex(),
        "refresh_generation": grant.token.generation,
    }
