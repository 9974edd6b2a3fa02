"""A RemoteGate in place of a Gatepass, behind the guard of each framework."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from django.core.wsgi import get_wsgi_application
from fastapi import FastAPI
from flask import Flask
from litestar import Litestar
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gatepass import ConfigurationError, Pages
from gatepass.access import asgi, wsgi
from gatepass.core.keyring import PAGE, SigningKey, header_of, jwks
from gatepass.guards import flask, starlette
from gatepass.guards.fastapi import CurrentPrincipal
from gatepass.guards.litestar import GatepassPlugin
from gatepass.remote import RemoteGate, RemoteRevocations
from gatepass.testing.clock import ManualClock
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.wsgi import Environ, StartResponse
from tests.core.token_forge import Issuer
from tests.guards import django_project, litestar_app
from tests.remote.jwks_server import publish
from tests.support.asgi import call
from tests.support.gates import NOW
from tests.support.lifespan import started
from tests.support.wsgi import over_asgi

KEY = SigningKey.from_secret(bytes(range(32)), "EdDSA")
ISSUER = Issuer(KEY, issuer="https://gate.example", audience="https://api.example", now=NOW, skew=5)


def bare(gate: RemoteGate) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"session": asgi.current_principal(scope).session_id})(scope, receive, send)

    return gate.guard(app)


def of_starlette(gate: RemoteGate) -> ASGIApp:
    @starlette.requires()
    async def me(request: Request) -> JSONResponse:
        return JSONResponse({"session": starlette.current_principal(request).session_id})

    return Starlette(routes=[Route("/me", me)], lifespan=gate.lifespan)


def of_fastapi(gate: RemoteGate) -> ASGIApp:
    app = FastAPI(lifespan=gate.lifespan)

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> dict[str, str]:
        return {"session": principal.session_id}

    return app


def of_litestar(gate: RemoteGate) -> ASGIApp:
    return cast(ASGIApp, Litestar([litestar_app.me], plugins=[GatepassPlugin(gate)]))


def of_wsgi(gate: RemoteGate) -> ASGIApp:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = json.dumps({"session": wsgi.current_principal(environ).session_id}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return over_asgi(gate.guard_wsgi(app), cast(Any, gate))


def of_flask(gate: RemoteGate) -> ASGIApp:
    app = Flask(__name__)
    flask.GatepassFlask(app, gate)

    @app.get("/me")
    @flask.requires()
    def me() -> dict[str, str]:
        return {"session": flask.current_principal().session_id}

    return over_asgi(app, cast(Any, gate))


def of_django(gate: RemoteGate) -> ASGIApp:
    django_project.use(cast(Any, gate))
    return over_asgi(get_wsgi_application(), cast(Any, gate))


WITH_LIFESPAN: dict[str, Callable[[RemoteGate], ASGIApp]] = {
    "fastapi": of_fastapi,
    "litestar": of_litestar,
    "starlette": of_starlette,
}
WITHOUT: dict[str, Callable[[RemoteGate], ASGIApp]] = {
    "asgi": bare,
    "django": of_django,
    "flask": of_flask,
    "wsgi": of_wsgi,
}


@pytest.fixture
def remote() -> Iterator[RemoteGate]:
    with publish(json.dumps(jwks([KEY])).encode()) as server:
        gate = RemoteGate(server.url, issuer=ISSUER.issuer, audience=ISSUER.audience, clock=ManualClock())
        yield gate
        gate.close()


@pytest.fixture(params=sorted({**WITH_LIFESPAN, **WITHOUT}))
async def app(request: pytest.FixtureRequest, remote: RemoteGate) -> AsyncIterator[ASGIApp]:
    if request.param in WITHOUT:
        yield WITHOUT[request.param](remote)
        return
    async with started(WITH_LIFESPAN[request.param](remote)) as running:
        yield running


async def test_the_callers_of_the_gate_are_known_and_nobody_else(app: ASGIApp) -> None:
    for token in (ISSUER.token(), ISSUER.token(jti="another")):
        answer = await call(app, "GET", "/me", headers=[("authorization", f"Bearer {token}")])
        assert answer.json()["session"] == "f" * 32
    for token in ("x", ISSUER.token(aud="elsewhere"), ISSUER.token(exp=1)):
        answer = await call(app, "GET", "/me", headers=[("authorization", f"Bearer {token}")])
        assert (answer.status, answer.code) == (401, "invalid-token")
    assert (await call(app, "GET", "/me")).code == "token-required"


async def test_how_recent_a_sign_in_is_stands_in_the_token(remote: RemoteGate) -> None:
    async def vault(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"session": asgi.current_principal(scope, max_age=300).session_id})(scope, receive, send)

    for ago, status in ((300, 200), (301, 401)):
        bearer = ("authorization", f"Bearer {ISSUER.token(auth_time=NOW - ago)}")
        assert (await call(remote.guard(vault), "GET", "/", headers=[bearer])).status == status


@pytest.mark.parametrize("make", [of_flask, of_litestar])
async def test_a_guard_that_mounts_auth_endpoints_finds_none(remote: RemoteGate, make: Any) -> None:
    assert (await call(make(remote), "POST", "/auth/login")).status == 404


class TestPages:
    """Pages that are rendered beside the gate, on its host."""

    @pytest.fixture
    def pages(self) -> Iterator[RemoteGate]:
        with publish(json.dumps(jwks([KEY])).encode()) as server:
            made = RemoteGate(
                server.url,
                issuer=ISSUER.issuer,
                audience=ISSUER.audience,
                pages=Pages(sign_in_page="/sign-in"),
                clock=ManualClock(),
            )
            yield made
            made.close()

    async def test_a_page_token_of_the_gate_opens_them_and_nothing_else(self, pages: RemoteGate) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            found = asgi.page_principal(scope) if scope["path"] == "/page" else asgi.current_principal(scope)
            await JSONResponse({"session": found.session_id})(scope, receive, send)

        token = ISSUER.seal(json.dumps(ISSUER.claims()).encode(), header_of("EdDSA", KEY.kid, PAGE))
        cookie = ("cookie", f"__Host-Http-gatepass_page={token}")
        async with pages.running():
            guarded = pages.guard(app)
            assert (await call(guarded, "GET", "/page", headers=[cookie])).json() == {"session": "f" * 32}
            assert (await call(guarded, "GET", "/me", headers=[cookie])).code == "token-required"
            bearer = ("authorization", f"Bearer {token}")
            assert (await call(guarded, "GET", "/page", headers=[bearer])).status == 200
            assert (await call(guarded, "GET", "/me", headers=[bearer])).code == "invalid-token"
            access = ("cookie", f"__Host-Http-gatepass_page={ISSUER.token()}; __Host-gatepass_state=x")
            refused = await call(guarded, "GET", "/page", headers=[access, ("sec-fetch-mode", "navigate")])
            assert (refused.status, refused.one("location")) == (303, "/auth/resume?next=/page")

    def test_revocations_that_are_forgotten_before_a_page_cookie_runs_out_are_a_fault(self) -> None:
        url = "https://gate.example/auth/jwks.json"
        revocations = RemoteRevocations("https://gate.example/auth/revocations", secret="s", lifetime=900)
        with pytest.raises(ConfigurationError, match="forgets sooner"):
            RemoteGate(url, issuer="i", audience="a", revocations=revocations, pages=Pages(page_ttl=901))
        RemoteGate(url, issuer="i", audience="a", revocations=revocations, pages=Pages(page_ttl=900))
