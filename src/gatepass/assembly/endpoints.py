"""Joins what the endpoints of one gate have at hand."""

from typing import Any

from gatepass.access.live import LiveConnections
from gatepass.assembly.factors import FactorParts
from gatepass.assembly.options import Options
from gatepass.core.strict_json import dump
from gatepass.factors.tickets import Tickets
from gatepass.oidc.providers import Providers
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.lost_sessions import LostSessions
from gatepass.runtime.single_server import SingleServer
from gatepass.runtime.store_watch import StoreWatch
from gatepass.server import endpoints
from gatepass.server.context import Context
from gatepass.server.cookies.device_cookie import DeviceCookies
from gatepass.server.cookies.errand_cookies import ErrandCookies
from gatepass.server.cookies.refresh_cookie import RefreshCookies
from gatepass.server.endpoints.resume import write_pages
from gatepass.server.limits import Limiter
from gatepass.server.networks import ClientNetworks
from gatepass.server.openapi.openapi import describe
from gatepass.server.readiness import SharedPing
from gatepass.sessions.devices import Devices
from gatepass.wire.origin import is_loopback, origin_of


class EndpointParts(FactorParts):
    """The context of the endpoints, and their description."""

    lifecycle: Lifecycle
    """Made in the next step; asked at requests only."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._written = (-1, b"")
        """How many hooks there were when the OpenAPI document was written, and its text."""
        self._join_endpoints()

    def _join_endpoints(self) -> None:
        options, browsers = self.options, self.options.browsers
        self.live = LiveConnections(
            self.check,
            revocations=self.revocations,
            clock=options.clock,
            origins=self.origins,
            limits=options.limits.live,
        )
        self._described = [*endpoints.DESCRIBED, *(endpoints.DEVICES if options.binds_devices else ())]
        self._described += endpoints.PASSKEYS if options.passkeys else ()
        self._described += endpoints.MAIL_CODES if options.policy.mail_codes else ()
        self._described += endpoints.PAGES if options.pages else ()
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
        self._context = Context(
            sessions=self.sessions,
            refreshes=self._refreshes,
            accounts=self.accounts,
            registration=self.registration,
            password_reset=self.password_reset,
            email_change=self.email_change,
            mail_codes=self.mail_codes,
            identities=self.identities,
            provider_logout=self.provider_logout,
            passkeys=self.passkeys,
            hooks=self.hooks,
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
            second_factors=self.second_factors,
            factors=self.factors,
            factor_changes=self.factor_changes,
            totps=self.totps,
            recovery_codes=self.recovery_codes,
            factor_resets=self._factor_resets,
            factor_recoveries=self.factor_recoveries,
            tickets=Tickets(options.store, keys=self._ring, clock=options.clock, entropy=options.entropy),
            check=self.check,
            links=self.links,
            limiter=Limiter(options.limits, clock=options.clock, report=self.report),
            policy=options.policy,
            signing_keys=self.keys,
            revocations=self.revocations,
            feed_secrets=options.secrets.feed,
            ping=SharedPing(self.store_watch.ping, clock=options.clock),
            check_health=lambda: self.lifecycle.check_health(),
            clock=options.clock,
            description=self._document,
            networks=ClientNetworks(
                browsers.proxies, clock=options.clock, report=self.report, quiet=is_loopback(options.public_url)
            ),
            resume_pages=write_pages(options.pages, self.cookies.place.names) if options.pages else {},
            report=self.report,
        )

    def describe(self) -> dict[str, Any]:
        """The OpenAPI document, with what the hooks that there are now add to bodies."""
        return describe(self._described, self.options.policy, self.hooks)

    def _document(self) -> bytes:
        count, document = self._written
        if count != self.hooks.count:
            self._written = count, document = self.hooks.count, dump(self.describe())
        return document
