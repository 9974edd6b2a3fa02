"""The demo as one application: the auth endpoints, a small guarded API, the levers, the page.

/auth/*                 the gate, through the layer that can lose an answer
/demo/thief[/again]     outside the guard, where the refresh cookie can be seen
everything else         inside the guard, as any application would be
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from gatepass.demo import page
from gatepass.demo.faults import Faults
from gatepass.demo.log import EventLog
from gatepass.demo.notes import Notes
from gatepass.demo.thief import Thief
from gatepass.errors import NotFound, Problem
from gatepass.gate import Gatepass
from gatepass.wire.problems import MEDIA_TYPE, document

EMAIL = "demo@example.com"
PASSWORD = "walnut lantern by the river"
"""Not a secret: the page offers it to every visitor."""


def demo_app(gate: Gatepass) -> Starlette:
    """The application around `gate`, which the caller opens and closes."""
    faults = Faults()
    thief = Thief(gate, gate.asgi)
    problems = {Problem: _answer}
    inner = Starlette(routes=_routes(gate, faults), exception_handlers=problems)
    return Starlette(
        routes=[
            Mount("/auth", faults.losing_answers(gate.asgi)),
            Route("/demo/thief", thief.steal, methods=["POST"]),
            Route("/demo/thief/again", thief.again, methods=["POST"]),
            Mount("/", gate.guard(inner)),
        ],
        exception_handlers=problems,
    )


def _routes(gate: Gatepass, faults: Faults) -> list[Route | Mount]:
    log = EventLog()
    gate.on_event(log)
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
        Route("/api/status/{status:int}", faults.status),
        Route("/demo/expire-pass", faults.expire_pass, methods=["POST"]),
        Route("/demo/lose-next-refresh", faults.lose_next_refresh, methods=["POST"]),
        Route("/demo/facts", facts),
        Route("/demo/log", log.show),
        Mount("/assets", page.Assets()),
        Route("/api/{rest:path}", _nothing),
        Route("/demo/{rest:path}", _nothing),
        Route("/{rest:path}", page.index),
    ]


async def _nothing(_request: Request) -> Response:
    raise NotFound


async def _answer(_request: Request, problem: Exception) -> Response:
    """A Problem as its document, whichever part of the demo raised it."""
    if not isinstance(problem, Problem):
        raise problem
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(document(problem), problem.status, headers, media_type=MEDIA_TYPE)
