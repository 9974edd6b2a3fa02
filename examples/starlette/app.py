"""A Starlette application with sessions.

Run it: gatepass init && uvicorn app:app
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass import Gatepass
from gatepass.guards.starlette import current_principal, requires


@requires()
async def me(request: Request) -> JSONResponse:
    """Who is calling."""
    return JSONResponse({"account": current_principal(request).account_id})


gate = Gatepass.from_env()
app = Starlette(routes=[Route("/me", me), Mount("/auth", gate.asgi)], lifespan=gate.lifespan)
