"""The gate beside an application: opened with it, around its requests, closed with it."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from gatepass.access.asgi import CHECK
from gatepass.access.asgi_guard import Guard
from gatepass.access.asgi_lifespan import guarding
from gatepass.access.wsgi import Guard as WSGIGuard
from gatepass.assembly.parts import Parts
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.wsgi import WSGIApp


class Running:
    """Opens, closes and guards. Has what guards need (`access.gate.Gate`)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.check, self.live = parts.check, parts.live
        self.cookies, self.origins = parts.cookies, parts.origins
        self.asgi: ASGIApp = parts.asgi
        self.served: ASGIApp = parts.served
        self.wsgi, self.background = parts.wsgi, parts.background

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

    def wait_until_open(self) -> None:
        """Open the gate on a thread of its own, for WSGI, and wait for it a bounded moment. Idempotent."""
        self.background.wait_until_open()

    def guard_wsgi(self, app: WSGIApp, *, auth: str | None = None, required: bool = False) -> WSGIGuard:
        """Wrap any WSGI application, as `guard` does; `auth` is where to mount the endpoints, such as "/auth"."""
        return WSGIGuard(app, self, auth=auth, required=required)

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
