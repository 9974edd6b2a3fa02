"""The server under end-to-end tests: a gate in testing mode, the page of the browser tests, a guarded route."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gatepass import Gatepass
from gatepass.core.event import Event
from gatepass.guards.starlette import current_principal, requires
from gatepass.testing import memory_gate
from tests.system.browser.client_files import client_files
from tests.system.browser.page_server import PAGE, SCRIPT
from tools.services.patience import until


@dataclass
class TestedServer:
    """A running server, and what its gate has told."""

    __test__ = False
    url: str
    gate: Gatepass
    events: list[Event] = field(default_factory=list)

    def count(self, name: str) -> int:
        """The number of events of this name."""
        return sum(event.name == name for event in self.events)


@requires()
async def ping(request: Request) -> Response:
    """Who is calling."""
    return JSONResponse({"account": current_principal(request).account_id})


@contextlib.contextmanager
def serving() -> Iterator[TestedServer]:
    """Serve on a free port of this machine until the block ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(256)
        url = f"http://localhost:{taken.getsockname()[1]}"
        gate = memory_gate(public_url=url, testing=True)
        tested = TestedServer(url, gate)
        gate.on_event(tested.events.append)
        routes = [
            Route("/", lambda request: HTMLResponse(PAGE)),
            Route("/page.js", lambda request: Response(SCRIPT, media_type="text/javascript")),
            Route("/api/ping", ping),
            Mount("/auth", gate.asgi),
            Mount("/client", StaticFiles(directory=client_files())),
        ]
        app = Starlette(routes=routes, lifespan=gate.lifespan)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive(), "the server")
            yield tested
        finally:
            server.should_exit = True
            thread.join()
