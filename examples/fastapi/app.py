"""A FastAPI application with sessions.

Run it: gatepass init && uvicorn app:app
"""

from fastapi import FastAPI

from gatepass import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal

gate = Gatepass.from_env()
app = FastAPI(lifespan=gate.lifespan)
app.mount("/auth", gate.asgi)


@app.get("/me")
def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling."""
    return {"account": principal.account_id}
