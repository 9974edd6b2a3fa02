"""Joins the parts of one gate, once, in a stated order.

    store and signing keys → sessions → accounts and mail → endpoints → lifecycle

Each step takes what the steps before it made. One pair is made in two phases: the guard (`Check`) verifies with the
signing keys, and those change over time. So the guard begins with the keys that the secrets stand for, and the signing
keys hand it every later set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import urlsplit

from gatepass.access.check import Check
from gatepass.access.revoked_sessions import FOREVER, RevokedSessions
from gatepass.accounts.administration import Administration
from gatepass.accounts.email_change import EmailChange
from gatepass.accounts.email_links import EmailLinks
from gatepass.accounts.external import Authenticator, ExternalUsers
from gatepass.accounts.identities import Identities
from gatepass.accounts.notifications import Notifications
from gatepass.accounts.password_reset import PasswordReset
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper, hashing_threads
from gatepass.accounts.passwords.queue import FairQueue
from gatepass.accounts.passwords.rules import Passwords
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.registration import Registration, check_mode
from gatepass.accounts.retention import Retention
from gatepass.accounts.service import Accounts
from gatepass.accounts.throttling import SignInThrottle
from gatepass.anywhere import AnyLoop, Sync
from gatepass.core.access_token import Verifier
from gatepass.core.claims import Tokens
from gatepass.core.keyring import KeyRing, Secrets, SigningKey, parse_secret
from gatepass.core.policy import Policy
from gatepass.core.strict_json import dump
from gatepass.mail.options import Mail
from gatepass.mail.outbox import Outbox
from gatepass.oidc.options import Provider
from gatepass.oidc.providers import Providers
from gatepass.ports import Clock, Entropy, PasswordHasher, Store
from gatepass.runtime.event_log import EventBus
from gatepass.runtime.follower import Follower
from gatepass.runtime.janitor import Janitor
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.lost_sessions import LostSessions
from gatepass.runtime.single_server import SingleServer
from gatepass.runtime.store_watch import StoreWatch
from gatepass.runtime.thread import LoopThread
from gatepass.server import endpoints
from gatepass.server.app import AuthApp, ServedApp
from gatepass.server.context import Context
from gatepass.server.device_cookie import DeviceCookies
from gatepass.server.door import Door
from gatepass.server.endpoint import Endpoint
from gatepass.server.errand_cookies import ErrandCookies
from gatepass.server.limits import Limiter, Limits
from gatepass.server.networks import ClientNetworks
from gatepass.server.openapi import describe
from gatepass.server.readiness import SharedPing
from gatepass.server.refresh_cookie import RefreshCookies
from gatepass.server.wsgi import Relay, WSGIEndpoints
from gatepass.sessions.devices import Devices
from gatepass.sessions.refresh import Refreshes
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.sessions.tokens import TokenIssuer
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import Hsts, Origins, is_loopback, origin_of, transport_policy

Service = TypeVar("Service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `Gatepass(...)` was given; each group has checked itself."""

    secrets: Secrets
    public_url: str
    store: Store
    policy: Policy
    tokens: Tokens
    browsers: Browsers
    mail: Mail
    users: Authenticator | None
    providers: Sequence[Provider]
    limits: Limits
    clock: Clock
    entropy: Entropy
    hasher: PasswordHasher | None

    @property
    def host(self) -> str:
        """The host of the public URL."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def binds_devices(self) -> bool:
        """Whether browsers may bind sessions to a device: only over https, where they know the scheme at all."""
        return self.browsers.device_bound == "allow" and self.public_url.startswith("https:")


class Parts:
    """The parts of one gate. Raises ConfigurationError where options do not go together."""

    def __init__(self, options: Options) -> None:
        options.browsers.check_url(options.public_url)
        self.options = options
        self.report = EventBus()
        self._join_keys_and_guard()
        self._join_sessions()
        self._join_accounts()
        self._join_administration()
        self._join_mail()
        self._join_registration()
        self._join_mailed_changes()
        self._join_endpoints()
        self._join_lifecycle()
        self._join_applications()

    def _join_keys_and_guard(self) -> None:
        options, policy = self.options, self.options.policy
        if not is_loopback(options.public_url):
            options.secrets.require_prefixes()
        secrets = [parse_secret(text) for text in options.secrets.tokens]
        self._ring = KeyRing(secrets, algorithm=options.tokens.algorithm, retired=options.secrets.retired_key_ids)
        self._issuer = options.tokens.issued_by(origin_of(options.public_url))
        retention = policy.access_ttl + policy.clock_skew + policy.leeway
        self.revocations = RevokedSessions(
            retention=retention,
            max_age=FOREVER if options.store.is_private else options.limits.revocation_max_age,
        )
        self.check = Check(self._verifier(self._ring.signing_keys), revocations=self.revocations, clock=options.clock)
        self.keys = SigningKeys(
            self._ring,
            store=options.store,
            algorithm=options.tokens.algorithm,
            kept=retention,
            clock=options.clock,
            entropy=options.entropy,
            changed=lambda current: self.check.trust(self._verifier(current)),
        )

    def _verifier(self, keys: Sequence[SigningKey]) -> Verifier:
        issuer = self._issuer
        return Verifier(keys, issuer=issuer.issuer, audience=issuer.audience, skew=self.options.policy.clock_skew)

    def _join_sessions(self) -> None:
        options, browsers = self.options, self.options.browsers
        self.cookies = Cookies.for_url(
            options.public_url,
            path=browsers.cookie_path,
            earlier_path=browsers.earlier_cookie_path,
            same_site=browsers.same_site,
        )
        tokens = TokenIssuer(
            self._ring,
            self.keys,
            issuer=self._issuer,
            policy=options.policy,
            entropy=options.entropy,
            channel=self.cookies.place.channel,
        )
        self.sessions = Sessions(
            store=options.store,
            tokens=tokens,
            policy=options.policy,
            clock=options.clock,
            entropy=options.entropy,
            revocations=self.revocations,
            report=self.report,
        )
        self._refreshes = Refreshes(
            store=options.store,
            tokens=tokens,
            policy=options.policy,
            clock=options.clock,
            revocations=self.revocations,
            report=self.report,
        )

    def _join_accounts(self) -> None:
        options, policy = self.options, self.options.policy
        limits = options.limits
        self._passwords = Passwords(
            options.hasher or Argon2Hasher(pepper=Pepper(options.secrets.peppers)),
            # One more than threads: no thread is idle while the event loop hands out the next turn.
            queue=FairQueue(running=hashing_threads() + 1, waiting=limits.hashing_queue),
            sample=options.store.sample_password_hashes,
            policy=policy,
            service_words=("gatepass", options.host),
            clock=options.clock,
        )
        external: ExternalUsers | None = None
        if options.users is not None:
            external = ExternalUsers(
                options.users,
                queue=FairQueue(running=limits.sign_ins_at_once, waiting=limits.hashing_queue),
                store=options.store,
                sessions=self.sessions,
                clock=options.clock,
            )
        self.accounts = Accounts(
            options.store,
            sessions=self.sessions,
            passwords=self._passwords,
            throttle=SignInThrottle(options.store, clock=options.clock, report=self.report),
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
            external_users=external,
        )

        self.identities = Identities(
            "closed" if options.users else policy.registration,
            store=options.store,
            sessions=self.sessions,
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
        )
        self.provider_logout = ProviderLogout(options.store, sessions=self.sessions, clock=options.clock)

    def _join_administration(self) -> None:
        self.administration = Administration(
            self.options.store,
            accounts=self.accounts,
            identities=self.identities,
            sessions=self.sessions,
            keys=self.keys,
            clock=self.options.clock,
            entropy=self.options.entropy,
        )

    def _join_mail(self) -> None:
        options = self.options
        mail, clock, store = options.mail, options.clock, options.store
        check_mode(options.policy.registration, sends_mail=mail.mailer is not None)
        self.mailer = mail.open(options.host)
        self.outbox = Outbox(self.mailer, clock=clock, report=self.report) if self.mailer else None
        templates = mail.templates_for(options.host)
        self._notifications = Notifications(
            store, outbox=self.outbox, templates=templates, security_mail=mail.security_mail, clock=clock
        )
        self.report.add(self._notifications.on_event)
        self._links = EmailLinks(
            store,
            keys=self._ring,
            pages=mail.pages.at(options.public_url),
            templates=templates,
            outbox=self.outbox if options.users is None else None,
            clock=clock,
            report=self.report,
        )

    def _join_registration(self) -> None:
        options = self.options
        self.registration = Registration(
            "closed" if options.users else options.policy.registration,
            store=options.store,
            accounts=self.accounts,
            passwords=self._passwords,
            links=self._links,
            clock=options.clock,
            entropy=options.entropy,
        )

    def _join_mailed_changes(self) -> None:
        options = self.options
        self.password_reset = PasswordReset(
            options.store,
            accounts=self.accounts,
            passwords=self._passwords,
            sessions=self.sessions,
            links=self._links,
            clock=options.clock,
            report=self.report,
        )
        self.email_change = EmailChange(
            options.store,
            accounts=self.accounts,
            sessions=self.sessions,
            links=self._links,
            notifications=self._notifications,
            clock=options.clock,
            report=self.report,
        )

    def _join_endpoints(self) -> None:
        options, browsers = self.options, self.options.browsers
        self.origins = Origins.of(options.public_url, browsers.origins)
        self._described = [*endpoints.DESCRIBED, *(endpoints.DEVICES if options.binds_devices else ())]
        self._devices = Devices(
            store=options.store,
            keys=self._ring,
            origins=self.origins.own,
            clock=options.clock,
            entropy=options.entropy,
            revocations=self.revocations,
            report=self.report,
        )
        self.providers = Providers(options.providers, clock=options.clock)
        self.store_watch = StoreWatch(
            options.store,
            clock=options.clock,
            report=self.report,
            single=SingleServer(getattr(options.store, "file", None)),
            serves=lambda: self.lifecycle.serves,
        )
        self.report.add(LostSessions(self.report).on_event)
        self.description = describe(self._described, options.policy)
        self._context = Context(
            sessions=self.sessions,
            refreshes=self._refreshes,
            accounts=self.accounts,
            registration=self.registration,
            password_reset=self.password_reset,
            email_change=self.email_change,
            identities=self.identities,
            provider_logout=self.provider_logout,
            refresh_cookies=RefreshCookies(self.cookies, keys=self._ring, clock=options.clock),
            devices=self._devices,
            device_cookies=DeviceCookies(
                self.cookies,
                self._devices,
                keys=self._ring,
                policy=options.policy,
                clock=options.clock,
                origin=origin_of(options.public_url) if options.binds_devices else None,
            ),
            providers=self.providers,
            errands=ErrandCookies(
                self.cookies,
                public_url=options.public_url,
                origins=self.origins,
                keys=self._ring,
                clock=options.clock,
                entropy=options.entropy,
            ),
            check=self.check,
            limiter=Limiter(options.limits, clock=options.clock, report=self.report),
            policy=options.policy,
            signing_keys=self.keys,
            revocations=self.revocations,
            feed_secrets=options.secrets.feed,
            ping=SharedPing(self.store_watch.ping, clock=options.clock),
            check_health=lambda: self.lifecycle.check_health(),
            clock=options.clock,
            description=dump(self.description),
            networks=ClientNetworks(
                browsers.proxies, clock=options.clock, report=self.report, quiet=is_loopback(options.public_url)
            ),
            report=self.report,
        )

    def _join_lifecycle(self) -> None:
        options = self.options
        clock, report, look = options.clock, self.report, self.keys.look
        prune = Retention(options.store, verify_ttl=self._links.pages.verify_ttl).prune
        self.janitor = Janitor(options.store, clock=clock, forget=self.revocations.forget, prune=prune)
        self.follower = Follower(
            options.store, revocations=self.revocations, reload_keys=look, clock=clock, report=report
        )
        tasks = {"janitor": self.janitor.run, "follower": self.follower.run, "store-watch": self.store_watch.run}
        self.lifecycle = Lifecycle(
            options.store,
            load=self._load,
            revocations=self.revocations,
            outbox=self.outbox,
            background_tasks={f"gatepass-{name}": run for name, run in tasks.items()},
            clock=clock,
            report=report,
            at_close=self.store_watch.close,
        )

    async def _load(self) -> None:
        """Read what the first request needs to know."""
        await self.keys.open()
        await self.sessions.open()
        await self._passwords.learn_kinds()
        await self.follower.load()

    def _join_applications(self) -> None:
        options = self.options
        declared = [*self._described, *(endpoints.FEED if options.secrets.feed else ())]
        hsts = options.browsers.hsts
        # Mounted, the endpoints share a host with an application, whose subdomains are not theirs to decide about.
        endpoints_app = self._app(declared, hsts=hsts or "host")
        self.asgi: ASGIApp = endpoints_app
        alone = hsts or "subdomains"
        self.background = LoopThread(
            open=self.lifecycle.open, close=self.lifecycle.close, home=lambda: self.lifecycle.loop
        )
        self.door = Door(
            self._context,
            origins=self.origins,
            report=self.report,
            home=lambda: self.lifecycle.loop,
        )
        self.sync = Sync(
            self.lifecycle,
            self.background,
            sessions=self.sessions,
            accounts=self.accounts,
            identities=self.identities,
            provider_logout=self.provider_logout,
            administration=self.administration,
            keys=self.keys,
            door=self.door,
        )
        self.wsgi = WSGIEndpoints(self.asgi, background=self.background)
        endpoints_app.relay = Relay(self.wsgi, self.background)
        around = self._app(endpoints.AROUND, hsts=alone)
        self.served: ASGIApp = ServedApp(self._app(declared, hsts=alone), around=around)

    def anywhere(self, service: Service) -> Service:
        """The service, for awaiting on any event loop."""
        return cast(Service, AnyLoop(service, self.lifecycle))

    def _app(self, declared: Iterable[Endpoint], *, hsts: Hsts) -> AuthApp:
        options = self.options
        return AuthApp(
            declared,
            self._context,
            origins=self.origins,
            lifecycle=self.lifecycle,
            clock=options.clock,
            report=self.report,
            refused=self.store_watch.refused,
            always=transport_policy(options.public_url, hsts),
            body_timeout=options.limits.slow_request,
        )
