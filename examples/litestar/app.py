"""A Litestar application with sessions.

Run it: gatepass init && uvicorn app:app
"""

from litestar import Litestar, get

from gatepass import Gatepass
from gatepass.guards.litestar import CurrentPrincipal, GatepassPlugin


@get("/me")
async def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling."""
    return {"account": principal.account_id}


app = Litestar([me], plugins=[GatepassPlugin(Gatepass.from_env())])
