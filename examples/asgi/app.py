"""An ASGI application without a framework, with sessions.

Run it: gatepass init && uvicorn app:app
"""

import json
from typing import Any

from gatepass import Gatepass
from gatepass.access.asgi import current_principal

gate = Gatepass.from_env()


async def routes(scope: Any, receive: Any, send: Any) -> None:
    """The gate's lifespan, the auth endpoints below /auth, and who is calling everywhere else."""
    if scope["type"] == "lifespan":
        await receive()
        async with gate.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"].startswith("/auth/"):
        await gate.asgi({**scope, "root_path": scope.get("root_path", "") + "/auth"}, receive, send)
    else:
        body = json.dumps({"account": current_principal(scope).account_id}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})


app = gate.guard(routes)
