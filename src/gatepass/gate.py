"""Gatepass: the one object that an application holds.

    gate = Gatepass.from_env()
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

Everything that can be wrong with a configuration is found here, before the first request. `assembly` joins the
parts; each group of options holds its defaults and checks itself.
"""

import contextlib
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar, overload

from pydantic import BaseModel

from gatepass.access.asgi import CHECK, Guard, guarding
from gatepass.access.wsgi import Guard as WSGIGuard
from gatepass.accounts.external import AuthenticatedUser, Authenticator
from gatepass.accounts.hooks import HookFunction
from gatepass.assembly.options import Options
from gatepass.assembly.parts import Parts
from gatepass.core.access_token import Principal
from gatepass.core.binding import BindingKey
from gatepass.core.claims import Tokens
from gatepass.core.hook_facts import HookFacts, HookKind
from gatepass.core.keyring import Secrets
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.mail.options import Mail
from gatepass.oidc.options import Provider
from gatepass.ports import Clock, Entropy, Mailer, PasswordHasher, Store
from gatepass.runtime.event_delivery import Listener
from gatepass.server.door import SignedIn
from gatepass.server.limits import Limits
from gatepass.server.testing import check_testing
from gatepass.sessions.changed_claims import SPREAD
from gatepass.settings import Settings
from gatepass.stores import DEFAULT_STORE, open_store
from gatepass.system import SystemClock, SystemEntropy
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.bodies import binding_key
from gatepass.wire.browsers import Browsers
from gatepass.wire.idna import ascii_url
from gatepass.wire.pages import Pages
from gatepass.wire.wsgi import WSGIApp

Members = TypeVar("Members", bound=BaseModel)
Told = TypeVar("Told")


class Decorator(Protocol[Told]):
    """What `gate.before(…)` and `gate.after(…)` return."""

    def __call__(  # noqa: D102
        self, function: Callable[[HookFacts[Told]], Awaitable[None] | None], /
    ) -> Callable[[HookFacts[Told]], Awaitable[None] | None]: ...


class Gatepass:
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
        self.policy, self.store, self.limits = options.policy, options.store, options.limits
        self.users = options.users
        self._parts = parts = Parts(options)
        anywhere = parts.anywhere
        self.sessions, self.accounts = anywhere(parts.sessions), anywhere(parts.accounts)
        self.identities, self.keys = anywhere(parts.identities), anywhere(parts.keys)
        self.administration, self.provider_logout = anywhere(parts.administration), anywhere(parts.provider_logout)
        self.passkeys = anywhere(parts.passkeys)
        self.check, self.revocations, self.events = parts.check, parts.revocations, parts.report
        self._changed_claims = anywhere(parts.changed_claims)
        self.cookies, self.origins, self.live = parts.cookies, parts.origins, parts.live
        self.mailer, self.outbox = parts.mailer, parts.outbox
        self.registration = anywhere(parts.registration)
        self.password_reset, self.email_change = anywhere(parts.password_reset), anywhere(parts.email_change)
        self.asgi: ASGIApp = parts.asgi
        self.served: ASGIApp = parts.served
        self.wsgi, self.background, self.sync = parts.wsgi, parts.background, parts.sync

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

    async def open(self) -> None:
        """Open the store and load what the guards must know. Idempotent."""
        await self._parts.lifecycle.open()

    async def close(self) -> None:
        """Finish what was accepted and let the store go. Idempotent."""
        await self._parts.lifecycle.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """`async with gate.running():` opens the gate and closes it again, with the last of several that entered it."""
        async with self._parts.lifecycle.running():
            yield self

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[Mapping[str, object]]:
        """The lifespan of a Starlette or FastAPI application: opens the gate, guards the application.

        `FastAPI(lifespan=gate.lifespan)`, or inside your own: `async with gate.lifespan(app) as state: yield state`.
        """
        with guarding(app, self._guard, endpoints=self.asgi):
            async with self.running():
                yield {CHECK: self.check}

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

        Raises SignInRefused for an account that is disabled or does not exist, Forbidden (`cross-site`, `plain-http`),
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
        return await self.sync.awaited(begun)

    def link(self, principal: Principal[Any], path: str, *, ttl: int | None = None) -> str:
        """The address `path` with a link in its query: it opens that path, by GET, for the session of `principal`.

            <img src="{{ gate.link(principal, "/files/7") }}">

        For routes that ask for `link_principal`. `path` is as browsers send it, with its query; an absolute http(s) URL
        is taken too. `ttl`: seconds, at most 12 hours; None: LINK_TTL. It dies with the session on every server. Not
        async: nothing is read or stored. Whoever gets the address can open it, so render it into pages that no cache
        shares. Raises ValueError for other addresses, and for a principal that came by a link itself.
        """
        return self._parts.links.make(principal, path, ttl=ttl)

    def guard(self, app: ASGIApp, *, required: bool = False) -> Guard:
        """Wrap any ASGI application: it sees no refresh cookie, and its routes can ask for their caller.

        With `required` every request needs a valid access token, except CORS preflights, which never have one.
        """
        return self._guard(app, required=required)

    def _guard(self, app: ASGIApp, *, required: bool = False, mounts: Sequence[str] = ()) -> Guard:
        return Guard(
            app,
            check=self.check,
            cookies=self.cookies,
            live=self.live,
            required=required,
            origins=self.origins,
            endpoints=self.asgi,
            mounts=mounts,
        )

    async def refresh_claims(self, account_id: str | Collection[str], *, within: int = 0) -> None:
        """Let every guard refuse the access tokens that an account has now, or several: their clients get new ones.

        Call it after the change of roles is committed. Nobody is signed out. When it returns, the mark is durable and
        counts in this process. `within`: seconds over which many accounts are spread. Raises StoreUnavailable,
        ValueError for an empty id or a `within` that is not 0 to 3,600, and LookupError for ids of no account, such as
        an e-mail address, when the others are marked. With `users`, an account is also whom their `find` knows.
        """
        await self._changed_claims.refresh_claims(account_id, within=within)

    async def refresh_claims_of_all(self, *, within: int = SPREAD) -> None:
        """The same for all accounts, after a change of what roles mean.

        The older tokens of one account after another are refused, of all `within` seconds; 0: of all at once.
        """
        await self._changed_claims.refresh_claims_of_all(within=within)

    def describe(self) -> dict[str, Any]:
        """The OpenAPI document of the auth endpoints, with paths relative to their mount."""
        return self._parts.describe()

    def wait_until_open(self) -> None:
        """Open the gate on a thread of its own, for WSGI, and wait for it a bounded moment. Idempotent."""
        self.background.wait_until_open()

    def guard_wsgi(self, app: WSGIApp, *, auth: str | None = None, required: bool = False) -> WSGIGuard:
        """Wrap any WSGI application, as `guard` does; `auth` is where to mount the endpoints, such as "/auth"."""
        return WSGIGuard(app, self, auth=auth, required=required)

    @overload
    def before(self, kind: HookKind, *, timeout: float | None = None) -> Decorator[None]: ...

    @overload
    def before(self, kind: HookKind, *, extra: type[Members], timeout: float | None = None) -> Decorator[Members]: ...

    def before(self, kind: HookKind, *, extra: type[Any] | None = None, timeout: float | None = None) -> Any:
        """Ask a function, plain or async, before an act: "register", "sign_in", "change_email", "delete". A decorator.

            @gate.before("register", extra=SignUp)
            async def known_companies(facts: HookFacts[SignUp]) -> None:
                raise Refused("domain-not-allowed", "Use your address at work.")

        `extra` is a pydantic model of members that the request must bring beside its own. What raises Refused refuses;
        anything else that is raised is a 500, and a hook that takes more than `timeout` seconds (10) a 503: nothing has
        happened then. Raises ConfigurationError.
        """
        return self._hook("before", kind, extra, timeout)

    @overload
    def after(self, kind: HookKind, *, timeout: float | None = None) -> Decorator[None]: ...

    @overload
    def after(self, kind: HookKind, *, extra: type[Members], timeout: float | None = None) -> Decorator[Members]: ...

    def after(self, kind: HookKind, *, extra: type[Any] | None = None, timeout: float | None = None) -> Any:
        """Tell a function, plain or async, after an act, while its request waits. A decorator.

        "register", "change_email" and "delete" are told at least once and in order for each account, whichever way the
        account came: again after a failure, and after a crash. So the function must bear to be called twice. "sign_in"
        is told once. What it raises is logged and reported, and changes no answer. Raises ConfigurationError.
        """
        return self._hook("after", kind, extra, timeout)

    def _hook(self, when: str, kind: HookKind, extra: type[Any] | None, timeout: float | None) -> Any:
        if not isinstance(kind, str):
            raise ConfigurationError(f'Name the act: @gate.{when}("register"), not @gate.{when} alone.')

        def hang_in(function: HookFunction) -> HookFunction:
            self._parts.hooks.add(when, kind, function, extra=extra, timeout=timeout)
            return function

        return hang_in

    def oidc(self, name: str, *, client_secret: str | Secret | None = None, **options: Any) -> Provider:
        """Let people sign in at a provider: `gate.oidc("google", issuer=…, client_id=…, client_secret=…)`.

        `options` are those of `gatepass.oidc.options.Provider`. The addresses are `oidc/{name}/start` and
        `oidc/{name}/callback` below the endpoints. Raises ConfigurationError.
        """
        provider = Provider(name=name, client_secret=client_secret, **options)
        del client_secret  # crash reports show local variables
        self._parts.providers.add(provider)
        return provider

    def on_event(self, listener: Listener) -> Listener:
        """Call `listener`, plain or async, with every event (`gatepass.core.event`), in their order. Also a decorator.

        No request waits for it. A plain listener runs on a thread and may block. Raises ConfigurationError for what
        cannot be called with one event.
        """
        self.events.deliver_to(listener)
        return listener


def _ascii(url: str) -> str:
    """The public URL as browsers spell it. One that cannot be read is refused with the other faults."""
    try:
        return ascii_url(url)
    except ValueError:
        return url
