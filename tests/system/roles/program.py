"""One server of two: an application whose roles are a file that both read, behind the gate of the environment.

GET /notes    a caller with notes:read        PUT /roles    sets the roles, then refreshes the claims of an account
GET /verbs    what the store was asked for by requests to /notes
"""

import argparse
import json
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from gatepass import Gatepass, Tokens
from gatepass.access.asgi import current_principal
from gatepass.core.claims import AccountFacts
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.ports import Store
from gatepass.serving.process import bind, serve
from gatepass.stores import open_store
from gatepass.wire.asgi import Receive, Scope, Send
from tests.support.gates import WatchedStore

ROLES = Path(os.environ["ROLES"])
asked: list[str] = []
_is_guarded: ContextVar[bool] = ContextVar("_is_guarded", default=False)


async def claims(_session: Session, account: AccountFacts) -> dict[str, Json]:
    roles: dict[str, str] = json.loads(ROLES.read_text())
    return {"scope": roles.get(account.id, "notes:read")}


async def count(verb: str) -> None:
    if _is_guarded.get():
        asked.append(verb)


def make() -> Gatepass:
    store = WatchedStore(open_store(os.environ["GATEPASS_STORE"], sessions=os.environ.get("GATEPASS_SESSIONS")))
    store.before = count
    for name in ("GATEPASS_STORE", "GATEPASS_SESSIONS"):
        os.environ.pop(name, None)
    return Gatepass.from_env(store=cast(Store, store), tokens=Tokens(claims=claims))


gate = make()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].startswith("/auth/"):
        await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
        return
    answer: Any = None
    match scope["path"]:
        case "/notes":
            answer = current_principal(scope, "notes:read").account_id
        case "/roles":
            change = json.loads((await receive())["body"])
            ROLES.write_text(json.dumps({change["account"]: change["scope"]}))
            await gate.refresh_claims(change["account"])
        case "/verbs":
            answer = asked
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


guarded = gate.guard(app)


async def watched(scope: Scope, receive: Receive, send: Send) -> None:
    """The guard too is inside."""
    if scope["type"] == "http":
        _is_guarded.set(scope["path"] == "/notes")
    await guarded(scope, receive, send)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    listener = bind("127.0.0.1", parser.parse_args().port)
    place = f"http://127.0.0.1:{listener.getsockname()[1]}"
    serve(
        watched,
        listener,
        around=gate.running,
        started=lambda: print(f"listens on {place}/auth", file=sys.stderr, flush=True),
    )
