"""One application of each framework for all tests of a process, with the gate of the test that runs.

To build an application of FastAPI or Litestar takes longer than most tests of it. What is built is as in `apps.py`; its
gate stands for the one that was given last. That an application may be started again with another lifespan is what
these frameworks say of themselves; of the others a new one costs next to nothing.
"""

import contextlib
import functools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from gatepass.gate import Gatepass
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.guards import apps
from tests.support.lifespan import started

SHARED = ("fastapi", "litestar", "starlette")


class Exchanged:
    """Has whatever the gate has that stands behind it now."""

    def __init__(self) -> None:
        self.gate: Gatepass | None = None

        async def endpoints(scope: Scope, receive: Receive, send: Send) -> None:
            await self.__getattr__("asgi")(scope, receive, send)

        self.asgi: ASGIApp = endpoints
        """Mounted once, and known by its identity (`access/asgi_lifespan.py`)."""

    def __getattr__(self, name: str) -> Any:
        assert self.gate is not None, "no test has lent this application"
        return getattr(self.gate, name)

    def lifespan(self, app: Any) -> AbstractAsyncContextManager[Any]:
        """That of any gate, with the endpoints that are mounted here."""
        return Gatepass.lifespan(cast(Gatepass, self), app)


@contextlib.asynccontextmanager
async def running(name: str, gate: Gatepass) -> AsyncIterator[ASGIApp]:
    """The application of this name, started with this gate; one at a time."""
    if name not in SHARED:
        async with started(apps.ALL[name](gate)) as app:
            yield app
        return
    behind, shared = _shared(name)
    assert behind.gate is None, f"the application of {name} is lent already"
    behind.gate = gate
    try:
        async with started(shared) as app:
            yield app
    finally:
        behind.gate = None


@functools.cache
def _shared(name: str) -> tuple[Exchanged, ASGIApp]:
    behind = Exchanged()
    return behind, apps.ALL[name](cast(Gatepass, behind))
