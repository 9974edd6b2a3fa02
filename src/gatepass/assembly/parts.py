"""Joins the lifecycle and the applications of one gate."""

import logging
from collections.abc import Iterable
from typing import TypeVar, cast

from gatepass.accounts.retention import Retention
from gatepass.anywhere.loops import AnyLoop
from gatepass.anywhere.sync import Sync
from gatepass.assembly.endpoints import EndpointParts
from gatepass.assembly.options import Options
from gatepass.runtime.follower import Follower
from gatepass.runtime.janitor import Janitor
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread
from gatepass.server import endpoints
from gatepass.server.app import AuthApp, ServedApp
from gatepass.server.door.door import Door
from gatepass.server.endpoint import Endpoint
from gatepass.server.testing import PATH
from gatepass.server.wsgi import Relay, WSGIEndpoints
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.origin import Hsts, transport_policy

Service = TypeVar("Service")
logger = logging.getLogger("gatepass.server")


class Parts(EndpointParts):
    """The parts of one gate. Raises ConfigurationError where options do not go together."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._join_lifecycle()
        self._join_applications()

    def _join_lifecycle(self) -> None:
        options = self.options
        clock, report, look = options.clock, self.report, self.keys.look
        retention = Retention(options.store, verify_ttl=self._links.pages.verify_ttl)

        async def prune(now: int) -> None:
            await retention.prune(now)
            await self.totps.reseal()

        self.janitor = Janitor(options.store, clock=clock, forget=self.revocations.forget, prune=prune)
        self.follower = Follower(
            options.store, revocations=self.revocations, reload_keys=look, clock=clock, report=report
        )
        tasks = {"janitor": self.janitor.run, "follower": self.follower.run, "store-watch": self.store_watch.run}
        tasks["account-changes"] = self.changes.run
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
        if self.options.testing:
            logger.warning("Testing mode: %s signs in without a password, for requests from this machine.", PATH)
        await self.keys.open()
        await self.sessions.open()
        await self._passwords.learn_kinds()
        await self.follower.load()

    def _join_applications(self) -> None:
        options = self.options
        declared = [*self._described, *(endpoints.FEED if options.secrets.feed else ())]
        declared += endpoints.TESTING if options.testing else ()
        hsts = options.browsers.hsts
        # Mounted, the endpoints share a host with an application, whose subdomains are not theirs to decide about.
        endpoints_app = self._app(declared, hsts=hsts or "host")
        self.asgi: ASGIApp = endpoints_app
        alone = hsts or "subdomains"
        self.background = LoopThread(
            open=self.lifecycle.open,
            close=self.lifecycle.close,
            home=lambda: self.lifecycle.loop,
            opening=lambda: self.lifecycle.opening_loop,
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
            factors=self.factors,
            totps=self.totps,
            recovery_codes=self.recovery_codes,
            provider_logout=self.provider_logout,
            passkeys=self.passkeys,
            administration=self.administration,
            keys=self.keys,
            door=self.door,
            claims=self.changed_claims,
        )
        self.wsgi = WSGIEndpoints(self.asgi, background=self.background)
        endpoints_app.relay = Relay(self.wsgi, self.background)
        is_related = options.passkeys is not None and options.passkeys.related()
        around = self._app([*endpoints.AROUND, *(endpoints.RELATED_ORIGINS if is_related else ())], hsts=alone)
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
