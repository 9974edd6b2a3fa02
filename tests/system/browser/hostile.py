"""A gate at https://app.example.test and, on other ports and names of this machine, its attackers.

Everything runs in threads of the test, so that a test can look into the store and hear every event. Chromium is told
that all of `.test` is this machine: sites, origins and cookies are then those of real names.
"""

import asyncio
import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from gatepass.core.event import Event
from gatepass.gate import Gatepass
from gatepass.serving.process import bind
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import FastHasher
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import SameSite
from tests.system.browser.page_server import SECRET
from tools.services.patience import PATIENCE, until

HOST = "app.example.test"
SCRIPT = (Path(__file__).parent / "pages" / "attack.js").read_bytes()


@dataclass
class Fort:
    """The gate under attack."""

    url: str
    store: MemoryStore
    gate: Gatepass
    events: list[Event] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Method, path and Sec-Fetch-Site of what arrived."""

    def state(self) -> tuple[object, ...]:
        """All that an attack could change."""
        return dict(self.store._accounts), dict(self.store.rows())


async def _page(_request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>The application</title>")


@contextlib.contextmanager
def fort(certificate: Path, *, same_site: SameSite) -> Iterator[Fort]:
    """Serve a gate over TLS on a free port until the block ends."""
    listener = bind("127.0.0.1", 0)
    url = f"https://{HOST}:{listener.getsockname()[1]}"
    store = MemoryStore()
    gate = Gatepass(
        secrets=[SECRET], public_url=url, store=store, hasher=FastHasher(), browsers=Browsers(same_site=same_site)
    )
    made = Fort(url, store, gate)
    gate.events.add(made.events.append)
    inner = Starlette(routes=[Mount("/auth", gate.asgi), Route("/", _page)], lifespan=gate.lifespan)

    async def watched(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "http":
            site = dict(scope["headers"]).get(b"sec-fetch-site", b"-").decode()
            made.requests.append(f"{scope['method']} {scope['path']} {site}")
        await inner(scope, receive, send)

    config = uvicorn.Config(watched, ssl_certfile=certificate, log_config=None, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    until(lambda: server.started)
    yield made
    server.should_exit = True
    thread.join(timeout=PATIENCE)


class _Hostile(http.server.BaseHTTPRequestHandler):
    """A page that loads the attack, and redirects to wherever it is asked to."""

    def do_GET(self) -> None:
        """Page, script or redirect."""
        if self.path.startswith("/redirect/"):
            self._redirect()
        elif self.path == "/attack.js":
            self._answer(SCRIPT, "text/javascript")
        else:
            self._answer(
                b"<!doctype html><meta charset=utf-8><script type=module src=/attack.js></script><body>", "text/html"
            )

    def do_POST(self) -> None:
        """A redirect that keeps the body (307, 308) or not (302)."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._redirect()

    do_DELETE = do_POST  # noqa: N815 (the base class names methods so)

    def _redirect(self) -> None:
        path, _, target = self.path.partition("?")
        self.send_response(int(path.rpartition("/")[2]))
        self.send_header("location", unquote(target.rstrip("=")))
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    """Browsers break connections off whenever they like."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing to tell."""


@contextlib.contextmanager
def lair(certificate: Path | None) -> Iterator[int]:
    """The port of a hostile server, over TLS if there is a certificate; any name leads to it."""
    server = _Server(("127.0.0.1", 0), _Hostile)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(timeout=PATIENCE)
