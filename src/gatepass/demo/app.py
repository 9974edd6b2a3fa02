"""The demo as one application: the auth endpoints, a small guarded API, the controls of the page, the page.

/auth/*                 the gate, through the layer that can lose a response
/demo/thief/*           outside the guard, where the refresh cookie is visible
everything else         inside the guard, like any application
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gatepass.demo import page
from gatepass.demo.faults import Faults
from gatepass.demo.log import RecentEvents
from gatepass.demo.notes import Notes
from gatepass.demo.safe import open_safe
from gatepass.demo.thief import Thief
from gatepass.errors import NotFound, Problem
from gatepass.gate import Gatepass
from gatepass.wire.problems import MEDIA_TYPE, document

EMAIL = "demo@example.com"
PASSWORD = "walnut lantern by the river"
"""Not a secret: the page offers it to every visitor."""
OWNER_EMAIL = "owner@example.com"
"""Who is stolen from at the other sites. An account of its own: a visitor may add a second factor to the one above."""


def demo_app(gate: Gatepass) -> Starlette:
    """The application around `gate`. The caller opens and closes the gate."""
    faults = Faults()
    thief = Thief(gate, gate.asgi, email=OWNER_EMAIL, password=PASSWORD)
    problems = {Problem: _respond}
    inner = Starlette(routes=_routes(gate, faults), exception_handlers=problems)
    return Starlette(
        routes=[
            Mount("/auth", faults.losing_responses(gate.asgi)),
            Route("/demo/thief/{site}", thief.steal, methods=["POST"]),
            Mount("/", gate.guard(inner)),
        ],
        exception_handlers=problems,
    )


def _routes(gate: Gatepass, faults: Faults) -> list[Route | Mount]:
    events = RecentEvents()
    gate.events.add(events)
    notes = Notes(faults.caller)

    async def me(request: Request) -> JSONResponse:
        principal = faults.caller(request)
        return JSONResponse({"account_id": principal.account_id, "session_id": principal.session_id})

    async def ping(request: Request) -> JSONResponse:
        faults.caller(request)
        return JSONResponse({"pong": True}, headers={"Cache-Control": "no-store"})

    async def facts(_request: Request) -> JSONResponse:
        account = {"email": EMAIL, "password": PASSWORD}
        policy = gate.policy
        return JSONResponse({"access_ttl": policy.access_ttl, "leeway": policy.leeway, "account": account})

    return [
        Route("/api/me", me),
        Route("/api/ping", ping),
        Route("/api/notes", notes.list),
        Route("/api/notes", notes.add, methods=["POST"]),
        Route("/api/notes/{id}", notes.delete, methods=["DELETE"]),
        Route("/api/safe", open_safe, methods=["POST"]),
        Route("/api/status/{status:int}", faults.status),
        Route("/demo/expire-pass", faults.expire_pass, methods=["POST"]),
        Route("/demo/lose-next-refresh", faults.lose_next_refresh, methods=["POST"]),
        Route("/demo/facts", facts),
        Route("/demo/log", events.show),
        Mount("/assets", page.Assets()),
        Route("/api/{rest:path}", _not_found),
        Route("/demo/{rest:path}", _not_found),
        Route("/{rest:path}", page.index),
    ]


async def _not_found(_request: Request) -> Response:
    raise NotFound


async def _respond(_request: Request, problem: Exception) -> Response:
    """The document of a Problem, for every part of the demo."""
    if not isinstance(problem, Problem):
        raise problem
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(document(problem), problem.status, headers, media_type=MEDIA_TYPE)
