"""A page on one site and its API on another, over TLS, as a process of its own.

    https://app.localhost:PORT   the page, and the client's files; no auth endpoints of its own are used
    https://api.localhost:PORT   the gate (SameSite=None; Partitioned) and a guarded route behind CORS; /link signs in
                                 the account of an address, as a link in a mail does, and ends on the page; /refreshes
                                 lists the statuses of all refreshes

Both names are this machine, and browsers count them as two sites: `localhost` is a top-level domain of its own. With
`--domain example.test` they are two hosts of one site, and the cookies are Strict.

    python -m tests.system.browser.cross_site --port 8001 --folder /tmp/x --client web/client/dist --certificate FILE
"""

import argparse
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepass import Gatepass
from gatepass.testing.clock import FastHasher
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import SameSite
from tests.system.browser.page_server import PAGE, SECRET, before, ping

SCRIPT = """
import { createClient, createSession } from "%(api)s/auth/gatepass.js";
import { signInWith } from "/client/providers.js";
const ended = [];
const session = createSession({ baseURL: "%(api)s/auth", onEnded: (end) => ended.push(end) });
window.stage = { session, ended, signInWith, api: createClient({ baseURL: "%(api)s", session }) };
window.stage.ready = session.start();
"""


async def page(_request: Request) -> Response:
    """The page of the application."""
    return HTMLResponse(PAGE)


REFRESHES: list[int] = []


async def told(_request: Request) -> Response:
    """The statuses of all refreshes so far."""
    return JSONResponse(REFRESHES)


def recorded(app: ASGIApp) -> ASGIApp:
    """Note the status of each refresh."""

    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                REFRESHES.append(message["status"])
            await send(message)

        is_refresh = (scope.get("method"), scope.get("path")) == ("POST", "/auth/refresh")
        await app(scope, receive, note if is_refresh else send)

    return record


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--client", type=Path, required=True)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--issuer")
    parser.add_argument("--certificate", type=Path, required=True)
    options = parser.parse_args()
    page_host, api_host = (f"{name}.{options.domain}" for name in ("app", "api"))
    page_origin, api_origin = (f"https://{host}:{options.port}" for host in (page_host, api_host))
    same_site: SameSite = "none" if options.domain == "localhost" else "strict"
    gate = Gatepass(
        secrets=[SECRET],
        public_url=api_origin,
        browsers=Browsers(origins=[page_origin], same_site=same_site),
        store=f"sqlite:///{options.folder / 'stage.db'}",
        hasher=FastHasher(),
    )

    if options.issuer:
        gate.oidc("mock", issuer=options.issuer, client_id="the-gate", client_secret="a secret of the tests")

    async def link(request: Request) -> Response:
        account = await gate.accounts.find_by_address(request.query_params["to"])
        assert account is not None
        signed_in = await gate.sign_in(request, account.id, methods=("otp",))
        return signed_in.onto(RedirectResponse(f"{page_origin}/?after=link", 303))

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
    own = [Route("/link", link), Route("/refreshes", told)]
    app = Starlette(
        routes=[
            Host(
                page_host,
                Router([Route("/", page), Route("/page.js", script), before(options.folder), Mount("/client", client)]),
            ),
            Host(api_host, Router([Mount("/auth", gate.asgi), Mount("/api", api), *own])),
        ],
        lifespan=gate.lifespan,
    )
    uvicorn.run(recorded(gate.guard(app)), port=options.port, ssl_certfile=options.certificate, log_level="warning")


if __name__ == "__main__":
    main()
