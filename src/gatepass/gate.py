"""Gatepass: the one object that an application holds. Joins settings, store, services, endpoints and guards.

    gate = Gatepass.from_env()
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

Everything that can be wrong with a configuration is found here, before the first request.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from gatepass.access.asgi import CHECK, Guard
from gatepass.access.check import Check
from gatepass.access.revoked_sessions import FOREVER, RevokedSessions
from gatepass.access.wsgi import Guard as WSGIGuard
from gatepass.accounts.email_change import EmailChange
from gatepass.accounts.email_links import Recovery
from gatepass.accounts.external import Authenticator, ExternalUsers
from gatepass.accounts.notifications import Notifications
from gatepass.accounts.password_reset import PasswordReset
from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper
from gatepass.accounts.registration import Registration as SelfService
from gatepass.accounts.service import Accounts, Registration
from gatepass.core.access_token import Verifier
from gatepass.core.claims import ClaimsHook, Issuer
from gatepass.core.keyring import Algorithm, KeyRing, SigningKey, parse_secret
from gatepass.core.policy import Policy
from gatepass.core.strict_json import dump
from gatepass.errors import ConfigurationError
from gatepass.mail import LinkPages, MailTemplates, Outbox, need_mail, open_mailer
from gatepass.ports import Clock, Entropy, Mailer, PasswordHasher, Store
from gatepass.runtime.event_log import EventBus, Listener
from gatepass.runtime.follower import Follower
from gatepass.runtime.janitor import Janitor
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread
from gatepass.server import endpoints
from gatepass.server.app import AuthApp, ServedApp
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.limits import Limiter, Limits
from gatepass.server.openapi import describe
from gatepass.server.refresh_cookie import RefreshCookies
from gatepass.server.wsgi import WSGIEndpoints
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.sessions.tokens import TokenIssuer
from gatepass.settings import Settings
from gatepass.stores import open_store
from gatepass.system import SystemClock, SystemEntropy
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.cookies import Cookies, SameSite, check_urls
from gatepass.wire.device import parse_networks
from gatepass.wire.origin import Hsts, Origins, origin_of, transport_policy
from gatepass.wire.wsgi import WSGIApp


class Gatepass:
    """A gate: sessions, accounts, the auth endpoints and the guards of one issuer."""

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        public_url: str,
        store: Store | str = "sqlite:///gatepass.db",
        sessions: str | None = None,
        policy: Policy | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        client_id: str = "gatepass",
        algorithm: Algorithm = "EdDSA",
        origins: Iterable[str] = (),
        registration: Registration = "open",
        authenticator: Authenticator | None = None,
        mail: Mailer | str | None = None,
        mail_from: str | None = None,
        templates: MailTemplates | None = None,
        security_mail: bool = True,
        pages: LinkPages | None = None,
        peppers: Sequence[str] = (),
        cookie_path: str = "/",
        same_site: SameSite = "strict",
        hsts: Hsts = "subdomains",
        trusted_proxies: Iterable[str] = (),
        revocation_feed_secrets: Sequence[str] = (),
        revocation_max_age: float = 30.0,
        limits: Limits | None = None,
        hashing_queue: int = 64,
        claims: ClaimsHook | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        """See DESIGN's table of settings for the meaning and the defaults of each argument.

        `secrets` are base64url texts, newest first. `sessions` is the URL of a store for sessions alone, where `store`
        is a URL too. `claims` adds claims of the application's own to every access token. `revocation_feed_secrets`
        open `GET /revocations` to services without access to the store; without any there is no such endpoint.
        `revocation_max_age`: seconds without news from a store that other processes share, after which guards answer
        503 (math.inf: never).
        `authenticator` brings users of the application's own; registration is closed then, and passwords are changed
        elsewhere. `mail` is a mailer or the URL of one (`gatepass.mail`), `templates` what it says, `pages` where its
        links lead; `notices` are the templates about new devices and theft. `hashing_queue` is how many passwords may
        wait for a hashing thread. `clock`, `entropy` and `hasher` are for tests. Raises ConfigurationError.
        """
        check_urls(public_url, cookie_path=cookie_path, same_site=same_site)
        for text in revocation_feed_secrets:
            parse_secret(text)
        issuer = issuer or origin_of(public_url)
        audience = audience or issuer
        if algorithm == "HS256" and audience != issuer:
            raise ConfigurationError("ALGORITHM=HS256 needs one party only: AUDIENCE must be the ISSUER.")
        self.policy = policy or Policy.standard()
        self.cookies = Cookies.for_url(public_url, path=cookie_path, same_site=same_site)
        self.origins = Origins.of(public_url, origins)
        self._always = transport_policy(public_url, hsts)
        self.store = open_store(store, sessions=sessions) if isinstance(store, str) else store
        self._clock = clock or SystemClock()
        self._report = EventBus()
        keys = KeyRing([parse_secret(text) for text in secrets], algorithm=algorithm)
        horizon = self.policy.access_ttl + self.policy.clock_skew + self.policy.leeway
        patience = revocation_max_age if self.store.is_shared else FOREVER
        self.revocations = RevokedSessions(clock=self._clock, horizon=horizon, patience=patience)

        def verifier(current: Sequence[SigningKey]) -> Verifier:
            return Verifier(current, issuer=issuer, audience=audience, skew=self.policy.clock_skew)

        self.check = Check(verifier(keys.signing_keys), feed=self.revocations, clock=self._clock)
        self.keys = SigningKeys(
            keys,
            store=self.store,
            algorithm=algorithm,
            kept=horizon,
            clock=self._clock,
            entropy=entropy or SystemEntropy(),
            changed=lambda current: self.check.trust(verifier(current)),
        )
        self.sessions = Sessions(
            store=self.store,
            tokens=TokenIssuer(
                keys,
                self.keys,
                issuer=Issuer(issuer, audience, client_id, claims),
                policy=self.policy,
                entropy=entropy or SystemEntropy(),
            ),
            policy=self.policy,
            clock=self._clock,
            entropy=entropy or SystemEntropy(),
            revocations=self.revocations,
            report=self._report,
        )
        if registration == "verify" and mail is None:
            need_mail()
        host = urlsplit(public_url).hostname or "localhost"
        self.mailer = open_mailer(mail, sender=mail_from or f"no-reply@{host}") if isinstance(mail, str) else mail
        self.outbox = Outbox(self.mailer, clock=self._clock, report=self._report) if self.mailer else None
        external_users = None
        if authenticator is not None:
            external_users = ExternalUsers(
                authenticator, store=self.store, clock=self._clock, announce=self.sessions.publish_revocations
            )
        self.accounts = Accounts(
            store=self.store,
            attempts=self.store,
            sessions=self.sessions,
            hasher=hasher or Argon2Hasher(pepper=Pepper(peppers), queue=hashing_queue),
            policy=self.policy,
            clock=self._clock,
            entropy=entropy or SystemEntropy(),
            blocklist=load_blocklist,
            service_words=("gatepass", urlsplit(public_url).hostname or ""),
            report=self._report,
            registration="closed" if authenticator else registration,
            external_users=external_users,
        )
        self.recovery: Recovery | None = None
        templates = templates or MailTemplates(host)
        if self.outbox is not None and security_mail:
            self._report.add(
                Notifications(store=self.store, outbox=self.outbox, templates=templates, clock=self._clock).hear
            )
        if self.outbox is not None and authenticator is None:
            self.recovery = Recovery(
                store=self.store,
                accounts=self.accounts,
                sessions=self.sessions,
                keys=keys,
                outbox=self.outbox,
                templates=templates,
                pages=pages or LinkPages.of(public_url),
                clock=self._clock,
                entropy=entropy or SystemEntropy(),
                report=self._report,
            )
            self._report.add(self.recovery.hear)
        self._janitor = Janitor(self.store, clock=self._clock, forget=self.revocations.forget)
        self._follower = Follower(
            self.store, feed=self.revocations, look_at_keys=self.keys.look, clock=self._clock, report=self._report
        )
        self._life = Lifecycle(
            self.store,
            load_keys=self.keys.open,
            revocations=self.revocations,
            outbox=self.outbox,
            beside={"gatepass-janitor": self._janitor.run, "gatepass-follower": self._follower.run},
        )
        self.limits = limits or Limits()
        limiter = Limiter(self.limits, clock=self._clock, report=self._report)
        context = Context(
            sessions=self.sessions,
            accounts=self.accounts,
            registration=SelfService("closed" if authenticator else registration, self.accounts, self.recovery),
            password_reset=PasswordReset(self.recovery),
            email_change=EmailChange(self.recovery),
            refresh_cookies=RefreshCookies(self.cookies, keys=keys, clock=self._clock),
            check=self.check,
            limiter=limiter,
            policy=self.policy,
            signing_keys=self.keys,
            revocations=self.revocations,
            feed_secrets=revocation_feed_secrets,
            ping=self.store.ping,
            description=dump(describe(endpoints.DESCRIBED, self.policy)),
            trusted_proxies=parse_networks(trusted_proxies),
        )
        feed = endpoints.FEED if revocation_feed_secrets else ()
        auth = self._app([*endpoints.DESCRIBED, *feed], context)
        self.asgi: ASGIApp = auth
        self.background = LoopThread(open=self.open, close=self.close)
        self.wsgi = WSGIEndpoints(self.asgi, background=self.background)
        self.served: ASGIApp = ServedApp(auth, around=self._app(endpoints.AROUND, context))

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """A gate configured by GATEPASS_* and ./gatepass.env; `overrides` are arguments of the constructor.

        Raises ConfigurationError with every fault found, at once.
        """
        return cls(**{**Settings.load().arguments(), **overrides})

    def __repr__(self) -> str:
        return f"Gatepass({min(self.origins.own)})"

    async def open(self) -> None:
        """Open the store and load what the guards must know. Idempotent."""
        await self._life.open()

    async def close(self) -> None:
        """Finish what was accepted and let the store go. Idempotent."""
        await self._life.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """`async with gate.running():` opens the gate and closes it again."""
        await self.open()
        try:
            yield self
        finally:
            await self.close()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[Mapping[str, object]]:
        """The lifespan of a Starlette or FastAPI application: opens the gate, guards the application.

        `FastAPI(lifespan=gate.lifespan)`, or inside your own: `async with gate.lifespan(app) as state: yield state`.
        """
        stack = getattr(app, "middleware_stack", None)
        if stack is not None:
            app.middleware_stack = self.guard(stack)
        async with self.running():
            yield {CHECK: self.check}

    def guard(self, app: ASGIApp, *, required: bool = False) -> Guard:
        """Wrap any ASGI application: it sees no refresh cookie, and its routes can ask for their caller.

        With `required` every request needs a valid access token.
        """
        return Guard(app, check=self.check, cookies=self.cookies, required=required)

    def wait_until_open(self) -> None:
        """Open the gate on a thread of its own, for WSGI, and wait for it a bounded moment. Idempotent."""
        self.background.wait_until_open()

    def guard_wsgi(self, app: WSGIApp, *, auth: str | None = None, required: bool = False) -> WSGIGuard:
        """Wrap any WSGI application, as `guard` does; `auth` is where to mount the endpoints, such as "/auth"."""
        return WSGIGuard(app, self, auth=auth, required=required)

    def on_event(self, listener: Listener) -> Listener:
        """Call `listener` with every event (`gatepass.core.event`). Also a decorator."""
        self._report.add(listener)
        return listener

    def _app(self, declared: Iterable[Endpoint], context: Context) -> AuthApp:
        return AuthApp(
            declared,
            context,
            origins=self.origins,
            lifecycle=self._life,
            clock=self._clock,
            report=self._report,
            always=self._always,
            body_timeout=self.limits.slow_request,
        )
