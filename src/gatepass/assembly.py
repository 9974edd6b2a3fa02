"""Joins the parts of one gate, once, in a stated order.

    store and signing keys → sessions → accounts and mail → endpoints → lifecycle

Each step takes what the steps before it made. One pair is made in two phases: the guard (`Check`) verifies with the
signing keys, and those change over time. So the guard begins with the keys that the secrets stand for, and the signing
keys hand it every later set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gatepass.access.check import Check
from gatepass.access.revoked_sessions import FOREVER, RevokedSessions
from gatepass.accounts.email_links import Recovery
from gatepass.accounts.external import Authenticator, ExternalUsers
from gatepass.accounts.notifications import Notifications
from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper
from gatepass.accounts.service import Accounts
from gatepass.core.access_token import Verifier
from gatepass.core.claims import Tokens
from gatepass.core.keyring import KeyRing, Secrets, SigningKey, parse_secret
from gatepass.core.policy import Policy
from gatepass.mail import LinkPages, MailTemplates, Outbox, need_mail, open_mailer
from gatepass.ports import Clock, Entropy, Mailer, PasswordHasher, Store
from gatepass.runtime.event_log import EventBus
from gatepass.runtime.follower import Follower
from gatepass.runtime.janitor import Janitor
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread
from gatepass.server.app import AuthApp, ServedApp, Table
from gatepass.server.endpoints.accounts import AccountRoutes
from gatepass.server.endpoints.browser_client import script
from gatepass.server.endpoints.documents import documents
from gatepass.server.endpoints.revocations import revocations
from gatepass.server.endpoints.session_list import SessionRoutes
from gatepass.server.endpoints.sessions import Routes
from gatepass.server.health import healthz, readyz
from gatepass.server.limits import Limiter, Limits
from gatepass.server.wsgi import WSGIEndpoints
from gatepass.sessions.new_device import Devices
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import Cookies
from gatepass.wire.device import parse_networks
from gatepass.wire.origin import Origins, origin_of, transport_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `Gatepass(...)` was given; each group has checked itself."""

    secrets: Secrets
    public_url: str
    store: Store
    policy: Policy
    tokens: Tokens
    browsers: Browsers
    mail: Mailer | str | None
    mail_from: str | None
    templates: MailTemplates | None
    security_mail: bool
    pages: LinkPages | None
    users: Authenticator | None
    limits: Limits
    clock: Clock
    entropy: Entropy
    hasher: PasswordHasher | None

    @property
    def host(self) -> str:
        """The host of the public URL."""
        return urlsplit(self.public_url).hostname or "localhost"


class Parts:
    """The parts of one gate. Raises ConfigurationError where options do not go together."""

    def __init__(self, options: Options) -> None:
        options.browsers.check_url(options.public_url)
        self._options = options
        self.store, self.policy, self.limits = options.store, options.policy, options.limits
        self.report = EventBus()
        self._join_keys_and_guard()
        self._join_sessions()
        self._join_accounts()
        self._join_mail()
        self._join_endpoints()
        self._join_lifecycle()

    def _join_keys_and_guard(self) -> None:
        options, policy = self._options, self._options.policy
        self._ring = KeyRing(
            [parse_secret(text) for text in options.secrets.tokens], algorithm=options.tokens.algorithm
        )
        self._issuer = options.tokens.issued_by(origin_of(options.public_url))
        retention = policy.access_ttl + policy.clock_skew + policy.leeway
        self.revocations = RevokedSessions(
            clock=options.clock,
            retention=retention,
            max_age=options.limits.revocation_max_age if options.store.is_shared else FOREVER,
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
        return Verifier(keys, issuer=issuer.issuer, audience=issuer.audience, skew=self._options.policy.clock_skew)

    def _join_sessions(self) -> None:
        options = self._options
        self.sessions = Sessions(
            store=options.store,
            keys=self._ring,
            signer=lambda: self.keys.current[0],
            issuer=self._issuer,
            policy=options.policy,
            clock=options.clock,
            entropy=options.entropy,
            feed=self.revocations,
            report=self.report,
        )

    def _join_accounts(self) -> None:
        options, users = self._options, self._options.users
        pepper = Pepper(options.secrets.peppers)
        external: ExternalUsers | None = None
        if users is not None:
            announce = self.sessions.announce
            external = ExternalUsers(users, store=options.store, clock=options.clock, announce=announce)
        self.accounts = Accounts(
            store=options.store,
            attempts=options.store,
            sessions=self.sessions,
            hasher=options.hasher or Argon2Hasher(pepper=pepper, queue=options.limits.hashing_queue),
            policy=options.policy,
            clock=options.clock,
            entropy=options.entropy,
            blocklist=load_blocklist,
            service_words=("gatepass", options.host),
            report=self.report,
            registration="closed" if users else options.policy.registration,
            external_users=external,
        )

    def _join_mail(self) -> None:
        options = self._options
        mail, clock = options.mail, options.clock
        if options.policy.registration == "verify" and mail is None:
            need_mail()
        sender = options.mail_from or f"no-reply@{options.host}"
        self.mailer = open_mailer(mail, sender=sender) if isinstance(mail, str) else mail
        self.outbox = Outbox(self.mailer, clock=clock, report=self.report) if self.mailer else None
        self.recovery: Recovery | None = None
        if self.outbox is None:
            return
        templates = options.templates or MailTemplates(options.host)
        if options.security_mail:
            told = Notifications(store=options.store, outbox=self.outbox, templates=templates, clock=clock)
            self.report.add(told.hear)
        if options.users is None:
            self.recovery = Recovery(
                store=options.store,
                accounts=self.accounts,
                sessions=self.sessions,
                keys=self._ring,
                outbox=self.outbox,
                templates=templates,
                pages=options.pages or LinkPages.of(options.public_url),
                clock=clock,
                entropy=options.entropy,
                report=self.report,
            )
            self.report.add(self.recovery.hear)

    def _join_endpoints(self) -> None:
        options, browsers = self._options, self._options.browsers
        self.cookies = Cookies.for_url(options.public_url, path=browsers.cookie_path, same_site=browsers.same_site)
        self.origins = Origins.of(options.public_url, browsers.origins)
        limiter = Limiter(options.limits, clock=options.clock, report=self.report)
        routes = Routes(
            sessions=self.sessions,
            accounts=self.accounts,
            devices=Devices(self.report),
            keys=self._ring,
            cookies=self.cookies,
            origins=self.origins,
            clock=options.clock,
            authenticate=self.check.principal,
            limiter=limiter,
            trusted_proxies=parse_networks(browsers.trusted_proxies),
        )
        verifies = options.policy.registration == "verify" and options.users is None
        own = AccountRoutes(routes, self.recovery, verifies=verifies)
        published = documents(lambda: self.keys.current, options.policy)
        secrets = options.secrets.feed
        feed = {"/revocations": revocations(self.revocations, secrets)} if secrets else {}
        listed = SessionRoutes(routes, options.policy.recent_sign_in)
        limited = limiter.around({**routes.table(), **listed.table(), **own.table()}, routes.ip_prefix)
        self._inside: Table = {**limited, **published, **script(), **feed}
        health: Table = {"/healthz": {"GET": healthz}, "/readyz": {"GET": readyz(options.store.ping)}}
        self._around: Table = {"/.well-known/jwks.json": published["/jwks.json"], **health}

    def _join_lifecycle(self) -> None:
        options = self._options
        self.janitor = Janitor(options.store, clock=options.clock, forget=self.revocations.forget)
        follower = Follower(
            options.store,
            revocations=self.revocations,
            reload_keys=self.keys.look,
            clock=options.clock,
            report=self.report,
        )
        self.lifecycle = Lifecycle(
            options.store,
            load_keys=self.keys.open,
            revocations=self.revocations,
            outbox=self.outbox,
            background_tasks={"gatepass-janitor": self.janitor.run, "gatepass-follower": follower.run},
        )
        self.asgi: ASGIApp = self._app(self._inside)
        self.background = LoopThread(open=self.lifecycle.open, close=self.lifecycle.close)
        self.wsgi = WSGIEndpoints(self.asgi, background=self.background)
        self.served: ASGIApp = ServedApp(self.asgi, around=self._app(self._around))

    def _app(self, table: Table) -> AuthApp:
        options = self._options
        return AuthApp(
            table,
            origins=self.origins,
            clock=options.clock,
            report=self.report,
            ready=self.lifecycle.open,
            always=transport_policy(options.public_url, options.browsers.hsts),
            patience=options.limits.slow_request,
        )
