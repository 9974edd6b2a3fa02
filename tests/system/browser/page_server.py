"""The application under the browser tests, as a process of its own, so that it can be killed.

A real gate on SQLite, a guarded route or two, and a page without a framework that puts a session and a client where
a test can reach them. `python -m tests.system.browser.page_server` loads it once, then reads lines: each is a JSON list
of options, and starts a server in a fork of its own, whose process id is the answer. At the end of the input all end.

    ["--port", "8001", "--public-port", "8002", "--folder", "/tmp/x", "--client", "web/client/dist"]

The clock of a server is ahead by the seconds in the file `offset` of its folder. Each page runs `pages/time.js` first,
and what the test has put into the file `before.js` of that folder: WebKit's driver cannot do that itself.
With `--certificate FILE` (certificate and key in one) it speaks https, so that cookies get their real names; with
`--behind-tls` something in front of it does.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gatepass import Gatepass
from gatepass import Pages as PageOptions
from gatepass.core.keyring import compose_secret
from gatepass.core.policy import HOUR
from gatepass.factors.options import Passkeys
from gatepass.guards.starlette import (
    current_principal,
    link_principal,
    optional_page_principal,
    page_principal,
    requires,
)
from gatepass.server.limits import Limits
from gatepass.serving.process import bind, serve
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import Scope
from gatepass.wire.browsers import Browsers
from tests.support.file_clock import FileClock

SECRET = compose_secret(b"stage-secret-for-tests-only-0123456789")
PAGE = """<!doctype html>
<meta charset="utf-8"><title>Stage</title><link rel="icon" href="data:,">
<script src="/before.js"></script><script type="module" src="/page.js"></script>
"""
RENDERED = """<!doctype html>
<meta charset="utf-8"><title>Rendered</title><link rel="icon" href="data:,">
<h1>{}</h1>
"""
PAGES = Path(__file__).parent / "pages"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
SCRIPT = """
import { createSession } from "/client/index.js";
import { createClient } from "/client/fetch.js";
const ended = [];
const refreshes = [];
const session = createSession({ baseURL: "/auth", onEnded: (end) => ended.push(end) });
session.on("refresh", (event) => refreshes.push(event));
window.stage = { session, ended, refreshes, api: createClient({ baseURL: "/", session }) };
window.stage.ready = session.start();
window.stage.at = Object.fromEntries(["one", "two"].map((path) => [path, createSession({ baseURL: `/${path}/auth` })]));
"""


@requires()
async def ping(request: Request) -> Response:
    """Who is calling, and with which token."""
    principal = current_principal(request)
    return JSONResponse({"account": principal.account_id, "jti": principal.token_id})


@requires()
async def echo(request: Request) -> Response:
    """The body that came, so that a replay can be compared."""
    return JSONResponse({"body": (await request.body()).decode(), "kind": request.headers.get("content-type")})


@requires(acr="mfa")
async def pay_out(request: Request) -> Response:
    """What a session of one factor must not do."""
    return JSONResponse({"methods": current_principal(request).methods})


async def rendered(request: Request) -> Response:
    """A page for a person, with no script at all."""
    return HTMLResponse(RENDERED.format(page_principal(request).account_id))


async def rendered_or_not(request: Request) -> Response:
    """The same, for everybody."""
    person = optional_page_principal(request)
    return HTMLResponse(RENDERED.format(person.account_id if person else "nobody"))


PAGE_APP = Starlette(routes=[Route("/rendered", rendered)])


async def file(request: Request) -> Response:
    """A picture, or the same as a download, for a caller or by a link."""
    link_principal(request)
    name = "none.svg" if "download" in request.query_params else None
    return FileResponse(PAGES / "none.svg", filename=name)


def entrance(gate: Gatepass) -> Route:
    """A route that signs in its visitor, by a redirect to the page."""

    async def enter(request: Request) -> Response:
        signed_in = await gate.sign_in(request, request.query_params["account"], methods=("otp",))
        return signed_in.onto(RedirectResponse("/", 303))

    return Route("/enter", enter)


async def page(_request: Request) -> Response:
    """The page."""
    return HTMLResponse(PAGE)


async def script(_request: Request) -> Response:
    """What the page runs."""
    return Response(SCRIPT, media_type="text/javascript")


def before(folder: Path) -> Route:
    """What runs in each page before its own scripts."""

    async def script(_request: Request) -> Response:
        own = folder / "before.js"
        text = (PAGES / "time.js").read_text("utf-8") + (own.read_text("utf-8") if own.exists() else "")
        return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-store"})

    return Route("/before.js", script)


class Pages(StaticFiles):
    """Pages of single tests, under the strictest policy: nothing inline, nothing from elsewhere."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file with the policy."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = POLICY
        return response


def main() -> None:
    """Start a server for each line, until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that were killed are not waited for
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            serve_stage(json.loads(line))
            os._exit(0)
        print(child, flush=True)
    os.killpg(0, signal.SIGKILL)


def serve_stage(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--public-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--client", type=Path, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--behind-tls", action="store_true")
    parser.add_argument("--paths", nargs="*", default=[], help="of further gates, each with its COOKIE_PATH")
    parser.add_argument("--issuer", help="of a provider at which people sign in, too")
    parser.add_argument("--providers", nargs="*", default=[], help="of more of them: NAME=ISSUER …")
    parser.add_argument("--rendered", action="store_true", help="with page cookies, and a page that is rendered here")
    parser.add_argument("--verification", help="of passkeys: required or preferred; none of them without it")
    parser.add_argument("--page", type=Path, help="the folder of a page that is served instead of this one")
    options = parser.parse_args(arguments)
    gate = _gate(options)
    for provider in options.providers:
        name, _, issuer = provider.partition("=")
        gate.oidc(name, issuer=issuer, client_id="the-gate", client_secret="a secret of the tests")
    if options.issuer:
        gate.oidc("mock", issuer=options.issuer, client_id="the-gate", client_secret="a secret of the tests")
    others = {f"/{path}": _gate(options, cookie_path=f"/{path}") for path in options.paths}
    rendered_by_others = [Mount(f"{path}/pages", other.guard(PAGE_APP)) for path, other in others.items()]
    app = Starlette(
        routes=[
            Mount("/auth", gate.asgi),
            *(Mount(f"{path}/auth", other.asgi) for path, other in others.items()),
            *(rendered_by_others if options.rendered else ()),
            entrance(gate),
            Route("/rendered", rendered),
            Route("/rendered-or-not", rendered_or_not),
            Route("/api/ping", ping),
            Route("/api/echo", echo, methods=["POST"]),
            Route("/api/payout", pay_out),
            Route("/files/{name}", file),
            Route("/page.js", script),
            before(options.folder),
            Mount("/client", StaticFiles(directory=options.client)),
            Mount("/pages", Pages(directory=PAGES)),
            Mount("/", StaticFiles(directory=options.page, html=True)) if options.page else Route("/", page),
        ],
        lifespan=lambda app: _opened(app, [gate, *others.values()]),
    )
    if options.certificate:
        uvicorn.run(app, port=options.port, ssl_certfile=options.certificate, log_level="warning")
        return
    # A proxy connects at once, and may hold the request for as long as a test takes.
    limits = Limits(slow_request=HOUR)
    serve(gate.guard(app), bind("127.0.0.1", options.port), around=gate.running, limits=limits)


def _gate(options: argparse.Namespace, *, cookie_path: str = "/") -> Gatepass:
    return Gatepass(
        secrets=[SECRET],
        public_url=f"{'https' if options.certificate or options.behind_tls else 'http'}://localhost:{options.public_port}",
        store=f"sqlite:///{options.folder / 'stage.db'}{cookie_path.strip('/')}",
        hasher=FastHasher(),
        clock=FileClock(options.folder / "offset"),
        # WebKit would keep it for all ports of the host, whose next stage is one of plain http.
        browsers=Browsers(cookie_path=cookie_path, hsts="off"),
        passkeys=Passkeys(rp_id="localhost", user_verification=options.verification) if options.verification else None,
        pages=PageOptions(sign_in_page="/", auth_path=f"{cookie_path.rstrip('/')}/auth") if options.rendered else None,
    )


@contextlib.asynccontextmanager
async def _opened(app: Starlette, gates: Sequence[Gatepass]) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for gate in gates:
            await stack.enter_async_context(gate.lifespan(app))
        yield


if __name__ == "__main__":
    main()
