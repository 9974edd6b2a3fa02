"""The services of one gate as its endpoints use them, and what every endpoint asks of a request.

`principal` is the caller by its access token, `account` the row behind it; `caller` and `ip_prefix` are where the
request comes from.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gatepass.access.check import Check
from gatepass.access.links import Links
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.accounts.email_change import EmailChange
from gatepass.accounts.factor_reset import FactorReset
from gatepass.accounts.hooks import Hooks
from gatepass.accounts.identities import Identities
from gatepass.accounts.mail_codes import MailCodes
from gatepass.accounts.password_reset import PasswordReset
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.registration import Registration
from gatepass.accounts.service import Accounts
from gatepass.core.account import Account
from gatepass.core.assurance import MFA, is_multi_factor
from gatepass.core.event import Event
from gatepass.core.hook_facts import RequestFacts
from gatepass.core.policy import MINUTE, Policy
from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken
from gatepass.factors.changes import FactorChanges
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.policy import SecondFactors
from gatepass.factors.recovery import FactorRecoveries
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.tickets import Tickets
from gatepass.factors.totp import Totps
from gatepass.oidc.providers import Providers
from gatepass.ports import Clock
from gatepass.server.cookies.device_cookie import DeviceCookies
from gatepass.server.cookies.errand_cookies import ErrandCookies
from gatepass.server.cookies.refresh_cookie import RefreshCookies
from gatepass.server.http import Request
from gatepass.server.limits import Limiter
from gatepass.server.networks import ClientNetworks
from gatepass.sessions.devices import Devices
from gatepass.sessions.refresh import Refreshes
from gatepass.sessions.service import Caller, Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.wire.device import client_label

WAYS_IN_MAX_AGE = 10 * MINUTE
"""Seconds since the sign-in of a session that may change how its account is signed in to, unless the policy says
otherwise. A copied access token lives longer than that, and must not become a way in of its own."""
GIVE_ACCESS = frozenset(
    (
        "authorization",
        "cookie",
        "proxy-authorization",
        "gatepass-proof",
        "secure-session-response",
        "sec-session-response",
    )
)
"""Headers that no hook is told of: they give access, or prove a key."""


@dataclass(frozen=True, slots=True, repr=False)
class Context:
    """What the endpoints of one gate have at hand.

    `description` makes the OpenAPI document. `feed_secrets` open `GET /revocations`. `ping` returns if the store can
    write, and raises StoreUnavailable if not; `check_health` raises Unavailable if something in this process fails.
    `resume_pages` are the document of `GET /resume` by language, where there is one.
    """

    sessions: Sessions
    accounts: Accounts
    registration: Registration
    password_reset: PasswordReset
    email_change: EmailChange
    mail_codes: MailCodes
    identities: Identities
    provider_logout: ProviderLogout
    passkeys: PasskeyFactors
    hooks: Hooks
    refreshes: Refreshes
    refresh_cookies: RefreshCookies
    devices: Devices
    device_cookies: DeviceCookies
    providers: Providers
    errands: ErrandCookies
    second_factors: SecondFactors
    factors: FactorList
    factor_changes: FactorChanges
    totps: Totps
    recovery_codes: RecoveryCodes
    factor_resets: FactorReset
    factor_recoveries: FactorRecoveries
    tickets: Tickets
    check: Check
    links: Links
    limiter: Limiter
    policy: Policy
    signing_keys: SigningKeys
    revocations: RevokedSessions
    feed_secrets: Sequence[str]
    ping: Callable[[], Awaitable[None]]
    check_health: Callable[[], None]
    clock: Clock
    description: Callable[[], bytes]
    networks: ClientNetworks
    resume_pages: Mapping[str, bytes]
    report: Callable[[Event], None]

    def principal(self, request: Request) -> Principal:
        """The caller by its access token. Raises Unauthenticated, or Unavailable (see `Check.principal`)."""
        return self.check.principal(request.headers.all(b"authorization"))

    async def owner(self, request: Request) -> Principal:
        """The caller, who has signed in just now, with several factors if the account has them.

        For what changes how an account is signed in to. Raises as `principal`, or
        InsufficientUserAuthentication.
        """
        principal = self.principal(request)
        max_age = self.policy.recent_sign_in or WAYS_IN_MAX_AGE
        return self.check.require(principal, max_age=max_age, acr=await self._assurance_of(principal))

    async def require_assurance(self, principal: Principal) -> None:
        """Raise InsufficientUserAuthentication for a session of one factor, if the account has a second one."""
        self.check.require(principal, acr=await self._assurance_of(principal))

    async def _assurance_of(self, principal: Principal) -> str | None:
        if is_multi_factor(principal.methods, principal.acr):
            return None
        return MFA if await self.second_factors.offered(principal.account_id, principal.methods) else None

    async def account(self, principal: Principal) -> Account:
        """The account of an access token, as it is now. Raises InvalidToken if it is disabled or deleted."""
        account = await self.accounts.find(principal.account_id)
        if account is None or account.disabled_at is not None:
            raise InvalidToken("no such account")
        return account

    def caller(self, request: Request) -> Caller:
        """Where a request comes from: the label of the client, and its network."""
        return Caller(client=client_label(request.headers.first(b"user-agent")), ip_prefix=self.ip_prefix(request))

    def facts(self, request: Request) -> RequestFacts:
        """What hooks of the application are told of a request."""
        caller = self.caller(request)
        headers = {name: value for name, value in request.headers.last_of_each() if name not in GIVE_ACCESS}
        return RequestFacts(
            network=caller.ip_prefix,
            client=caller.client,
            origin=headers.get("origin"),
            user_agent=headers.get("user-agent"),
            headers=MappingProxyType(headers),
        )

    def ip_prefix(self, request: Request) -> str:
        """The network that a request comes from. "" if it is unknown: it must not be counted anywhere."""
        return self.networks.of(request) or ""
