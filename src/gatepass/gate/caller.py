"""What an application asks of its gate for one person: a session, a link, claims that have changed."""

from collections.abc import Collection
from typing import Any

from gatepass.accounts.external import AuthenticatedUser
from gatepass.assembly.parts import Parts
from gatepass.core.binding import BindingKey
from gatepass.core.principal import Principal
from gatepass.server.door.door import SignedIn
from gatepass.sessions.changed_claims import SPREAD, ChangedClaims
from gatepass.wire.bodies import binding_key


class ForCallers:
    """Signs in, makes links, and lets clients get new claims."""

    _parts: Parts

    async def sign_in(
        self,
        request: object,
        account: str | AuthenticatedUser,
        *,
        methods: tuple[str, ...],
        acr: str | None = None,
        auth_time: int | None = None,
        remember: bool = True,
        binding_secret: str | BindingKey | None = None,
        origins: Collection[str] = (),
    ) -> SignedIn:
        """Begin a session for an account whose owner the application has authenticated, in whichever way.

            signed_in = await gate.sign_in(request, account.id, methods=("otp",))
            return signed_in.onto(response)

        account         its id; with `users`, an AuthenticatedUser
        request         of the framework, also a bare ASGI scope or WSGI environ; what its guard withheld is found there
        methods         how: names of RFC 8176, such as ("pwd", "otp", "mfa"), or of your own, such as ("fed",)
        acr, auth_time  the assurance and the time (Unix seconds; None: now), by the word of another system
        remember        whether the cookies outlive the browser
        binding_secret  the key that the page offers; without one the page binds the session at its first refresh
        origins         of other systems whose pages may cause this very request, such as one that posts an assertion

        The sessions whose cookies came along end as `replaced`, as in `POST /login`. Whether the request was meant by
        the person, and how often one may try, is for the application to say. From sync code: `gate.sync.sign_in`.

        Raises SecondFactorRequired for an account with a second factor, unless `methods` have "mfa" or `acr` is it;
        SignInRefused for an account that is disabled or does not exist, Forbidden (`cross-site`, `plain-http`),
        BadRequest (`invalid-binding-secret`), StoreUnavailable; TypeError and ValueError for arguments that are wrong.
        """
        key = binding_secret if isinstance(binding_secret, BindingKey | None) else binding_key(binding_secret)
        del binding_secret  # crash reports show local variables
        begun = self._parts.door.sign_in(
            request,
            account,
            methods=methods,
            acr=acr,
            auth_time=auth_time,
            remember=remember,
            binding_secret=key,
            origins=origins,
        )
        return await self._parts.sync.awaited(begun)

    def link(self, principal: Principal[Any], path: str, *, ttl: int | None = None) -> str:
        """The address `path` with a link in its query: it opens that path, by GET, for the session of `principal`.

            <img src="{{ gate.link(principal, "/files/7") }}">

        For routes that ask for `link_principal`. `path` is as browsers send it, with its query; an absolute http(s) URL
        is taken too. `ttl`: seconds, at most 12 hours; None: LINK_TTL. It dies with the session on every server. Not
        async: nothing is read or stored. The address alone opens it, so render it into pages that no cache
        shares. Raises ValueError for other addresses, and for a principal that came by a link itself.
        """
        return self._parts.links.make(principal, path, ttl=ttl)

    async def refresh_claims(self, account_id: str | Collection[str], *, within: int = 0) -> None:
        """Let every guard refuse the access tokens that an account has now, or several: their clients get new ones.

        Call it after the change of roles is committed. No session ends. When it returns, the mark is durable and
        counts in this process. `within`: seconds over which many accounts are spread. Raises StoreUnavailable,
        ValueError for an empty id or a `within` that is not 0 to 3,600, and LookupError for ids of no account, such as
        an e-mail address, when the others are marked. With `users`, an account is also whom their `find` knows.
        """
        await self._claims().refresh_claims(account_id, within=within)

    async def refresh_claims_of_all(self, *, within: int = SPREAD) -> None:
        """The same for all accounts, after a change of what roles mean.

        The older tokens of one account after another are refused, of all `within` seconds; 0: of all at once.
        """
        await self._claims().refresh_claims_of_all(within=within)

    def _claims(self) -> ChangedClaims:
        return self._parts.anywhere(self._parts.changed_claims)
