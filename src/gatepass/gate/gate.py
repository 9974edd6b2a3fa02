"""The gate itself: its options, and the parts that `assembly` joins.

Everything that can be wrong with a configuration is found here, before the first request. Each group of options holds
its defaults and checks itself.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any, Self

from gatepass.accounts.external import Authenticator
from gatepass.assembly.options import Options
from gatepass.assembly.parts import Parts
from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import Policy
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.gate.caller import ForCallers
from gatepass.gate.extending import Extending
from gatepass.gate.running import Running
from gatepass.mail.options import Mail
from gatepass.oidc.options import Provider
from gatepass.ports import Clock, Entropy, Mailer, PasswordHasher, Store
from gatepass.server.limits import Limits
from gatepass.server.testing import check_testing
from gatepass.settings import Settings
from gatepass.stores import DEFAULT_STORE, open_store
from gatepass.system import SystemClock, SystemEntropy
from gatepass.wire.browsers import Browsers
from gatepass.wire.idna import ascii_url
from gatepass.wire.pages import Pages


class Gatepass(Running, ForCallers, Extending):
    """A gate: sessions, accounts, the auth endpoints and the guards of one issuer."""

    def __init__(
        self,
        *,
        secrets: Secrets | Sequence[str],
        public_url: str,
        store: Store | str = DEFAULT_STORE,
        sessions: str | None = None,
        policy: Policy | None = None,
        tokens: Tokens | None = None,
        browsers: Browsers | None = None,
        mail: Mail | Mailer | str | None = None,
        users: Authenticator | None = None,
        providers: Sequence[Provider] = (),
        passkeys: Passkeys | None = None,
        limits: Limits | None = None,
        pages: Pages | None = None,
        testing: bool = False,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        """Check the options and join the parts. Nothing is opened yet. Raises ConfigurationError.

        secrets     base64url texts of 32 random bytes, newest first (`gatepass secret`), or `Secrets`
        public_url  the https address that browsers use; http on a loopback host only
        store       a Store or its URL; `sessions` is the URL of another store for the sessions alone
        policy      lifetimes, passwords, registration
        tokens      issuer, audience, signing algorithm and added claims of access tokens
        browsers    allowed origins, cookies, HSTS, trusted proxies
        mail        a mailer, the URL of one, or `Mail` with sender, templates and link pages
        users       accounts that the application keeps itself; registration is closed then
        providers   where people sign in elsewhere (OpenID Connect); `oidc` adds one
        passkeys    the domain to which passkeys are bound (WebAuthn); None: there are none
        limits      rates, queues and connections of one process
        pages       page cookies, for pages that a server renders for a person; None: there are none
        testing     the endpoint by which end-to-end tests sign in, for this machine alone (`server/testing.py`)

        `clock`, `entropy` and `hasher` replace the real ones in tests.
        """
        if testing:
            check_testing(public_url, store, sessions)
        options = Options(
            secrets=secrets if isinstance(secrets, Secrets) else Secrets(secrets),
            public_url=_ascii(public_url),
            store=open_store(store, sessions=sessions) if isinstance(store, str) else store,
            policy=policy or Policy(),
            tokens=tokens or Tokens(),
            browsers=browsers or Browsers(),
            mail=mail if isinstance(mail, Mail) else Mail(mail),
            users=users,
            providers=tuple(providers),
            passkeys=passkeys,
            limits=limits or Limits(),
            pages=pages,
            testing=testing,
            clock=clock or SystemClock(),
            entropy=entropy or SystemEntropy(),
            hasher=hasher,
        )
        parts = Parts(options)
        super().__init__(parts)
        self.policy, self.store, self.limits = options.policy, options.store, options.limits
        self.users = options.users
        anywhere = parts.anywhere
        self.sessions, self.accounts = anywhere(parts.sessions), anywhere(parts.accounts)
        self.identities, self.keys = anywhere(parts.identities), anywhere(parts.keys)
        self.administration, self.provider_logout = anywhere(parts.administration), anywhere(parts.provider_logout)
        self.factors, self.totps = anywhere(parts.factors), anywhere(parts.totps)
        self.recovery_codes = anywhere(parts.recovery_codes)
        self.registration, self.passkeys = anywhere(parts.registration), anywhere(parts.passkeys)
        self.mail_codes = anywhere(parts.mail_codes)
        self.password_reset, self.email_change = anywhere(parts.password_reset), anywhere(parts.email_change)
        self.revocations, self.events, self.sync = parts.revocations, parts.report, parts.sync
        self.mailer, self.outbox = parts.mailer, parts.outbox

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """A gate configured by GATEPASS_* and ./gatepass.env; `overrides` are arguments of the constructor.

        An argument takes the place of all of its settings: `policy` of every setting that is an option of Policy. A
        setting that would be lost that way is a fault.

        Raises ConfigurationError with every fault found, at once.
        """
        return cls(**Settings.load(given=overrides).arguments(given=overrides), **overrides)

    @classmethod
    def from_setting(cls, setting: object) -> Any:
        """The gate that a framework's setting GATEPASS means: a gate, its dotted name, or a mapping of arguments.

        The mapping's names are the arguments of Gatepass(...) in capitals, as settings are written. None means
        `from_env()`. Raises ConfigurationError.
        """
        if setting is None:
            return cls.from_env()
        if isinstance(setting, str):
            return pkgutil.resolve_name(setting if ":" in setting else ":".join(setting.rsplit(".", 1)))
        if not isinstance(setting, Mapping):
            return setting
        arguments = {name.lower(): value for name, value in setting.items()}
        try:
            return cls(**arguments)
        except TypeError as misfit:
            why = str(misfit).partition("() ")[2] or str(misfit)
            raise ConfigurationError(f"GATEPASS takes the arguments of Gatepass(...), in capitals: {why}.") from None

    def __repr__(self) -> str:
        return f"Gatepass({min(self.origins.own)})"

    def describe(self) -> dict[str, Any]:
        """The OpenAPI document of the auth endpoints, with paths relative to their mount."""
        return self._parts.describe()


def _ascii(url: str) -> str:
    """The public URL as browsers spell it. One that cannot be read is refused with the other faults."""
    try:
        return ascii_url(url)
    except ValueError:
        return url
