"""Another service: it has no secret and no store, only the URL of a gate's public keys.

Run it: GATE=http://localhost:8000 uvicorn app:app --port 8001
"""

import os

from fastapi import FastAPI

from gatepass.guards.fastapi import CurrentPrincipal
from gatepass.remote import RemoteGate

issuer = os.environ["GATE"]
gate = RemoteGate(f"{issuer}/auth/jwks.json", issuer=issuer, audience=issuer)
app = FastAPI(lifespan=gate.lifespan)


@app.get("/me")
def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling."""
    return {"account": principal.account_id}
