"""A page on one site and its API on another, over TLS, as a process of its own.

    https://app.localhost:PORT   the page, and the client's files; no auth endpoints of its own are used
    https://api.localhost:PORT   the gate (SameSite=None; Partitioned) and a guarded route behind CORS

Both names are this machine, and browsers count them as two sites: `localhost` is a top-level domain of its own.

    python -m tests.system.browser.cross_site --port 8001 --folder /tmp/x --client web/client/dist --certificate FILE
"""

import argparse
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from gatepass import Gatepass
from gatepass.testing.clock import FastHasher
from gatepass.wire.browsers import Browsers
from tests.system.browser.page_server import PAGE, SECRET, ping

SCRIPT = """
import { createClient, createSession } from "%(api)s/auth/gatepass.js";
const ended = [];
const session = createSession({ baseURL: "%(api)s/auth", onEnded: (end) => ended.push(end) });
window.stage = { session, ended, api: createClient({ baseURL: "%(api)s", session }) };
window.stage.ready = session.start();
"""


async def page(_request: Request) -> Response:
    """The page of the application."""
    return HTMLResponse(PAGE)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--client", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    options = parser.parse_args()
    page_origin, api_origin = (f"https://{name}.localhost:{options.port}" for name in ("app", "api"))
    gate = Gatepass(
        secrets=[SECRET],
        public_url=api_origin,
        browsers=Browsers(origins=[page_origin], same_site="none"),
        store=f"sqlite:///{options.folder / 'stage.db'}",
        hasher=FastHasher(),
    )

    async def script(_request: Request) -> Response:
        return Response(SCRIPT % {"api": api_origin}, media_type="text/javascript")

    cors = Middleware(
        CORSMiddleware,
        allow_origins=[page_origin],
        allow_headers=["Authorization"],
        expose_headers=["WWW-Authenticate"],
    )
    api = Router([Route("/ping", ping)], middleware=[cors])
    client = StaticFiles(directory=options.client)
    app = Starlette(
        routes=[
            Host("app.localhost", Router([Route("/", page), Route("/page.js", script), Mount("/client", client)])),
            Host("api.localhost", Router([Mount("/auth", gate.asgi), Mount("/api", api)])),
        ],
        lifespan=gate.lifespan,
    )
    uvicorn.run(gate.guard(app), port=options.port, ssl_certfile=options.certificate, log_level="warning")


if __name__ == "__main__":
    main()
