"""Plays a thief that copied a visitor's refresh cookie from the network, below every guard.

The thief uses the refresh endpoint like any client, with a client key of its own: a browser never reveals the visitor's
key (PROTOCOL §5).
"""

import json
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse

from gatepass.errors import NoSession
from gatepass.gate import Gatepass
from gatepass.wire.asgi import ASGIApp, Message, Scope
from gatepass.wire.headers import Headers


@dataclass(slots=True)
class StolenCookie:
    """A copied refresh cookie as it is now, its generation, and the result of the last refresh with it."""

    cookie: str = field(repr=False)
    generation: int
    status: int = 0
    reason: str | None = None


class Thief:
    """Steals from visitors of one gate. The last stolen cookie is kept for another attempt."""

    def __init__(self, gate: Gatepass, auth: ASGIApp) -> None:
        """`auth` is the gate's endpoints as mounted at /auth."""
        self._gate = gate
        self._auth = auth
        self._stolen: StolenCookie | None = None

    async def steal(self, request: Request) -> JSONResponse:
        """`POST /demo/thief`: copy the refresh cookie of this request, and refresh with the copy once."""
        stolen = self._copy(Headers(request.scope["headers"]))
        generation = stolen.generation
        await self._refresh(stolen)
        self._stolen = stolen
        facts = {
            "stolen_generation": generation,
            "thief_status": stolen.status,
            "thief_generation": stolen.generation,
        }
        return JSONResponse(facts, headers={"Cache-Control": "no-store"})

    async def again(self, request: Request) -> JSONResponse:
        """`POST /demo/thief/again`: refresh with the stolen cookie again."""
        self._gate.origins.check(Headers(request.scope["headers"]))
        if self._stolen is None:
            raise NoSession
        await self._refresh(self._stolen)
        facts = {"thief_status": self._stolen.status, "reason": self._stolen.reason}
        return JSONResponse(facts, headers={"Cache-Control": "no-store"})

    def _copy(self, headers: Headers) -> StolenCookie:
        """The refresh cookie of a request, with the generation from its state cookie. Raises NoSession."""
        self._gate.origins.check(headers)
        cookies = headers.all(b"cookie")
        tokens = self._gate.cookies.read(cookies)
        pairs = (pair.strip().partition("=") for text in cookies for pair in text.split(";"))
        states = [value for name, _, value in pairs if name == self._gate.cookies.state_name]
        if not tokens or not states:
            raise NoSession
        name, text = tokens[0]
        return StolenCookie(cookie=f"{name}={text.reveal()}", generation=int(states[0].split(".")[1]))

    async def _refresh(self, stolen: StolenCookie) -> None:
        """Refresh once. `stolen` then holds the successor, if the server issued one."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._auth(_refresh_scope(stolen), _empty_body, keep)
        stolen.status = messages[0]["status"]
        answer = json.loads(messages[1]["body"])
        stolen.reason = answer.get("reason")
        for header, value in messages[0]["headers"]:
            for name, text in self._gate.cookies.read([value.decode("latin-1")]):
                if header == b"set-cookie":
                    stolen.cookie = f"{name}={text.reveal()}"
        stolen.generation = answer.get("refresh_generation", stolen.generation)


def _refresh_scope(stolen: StolenCookie) -> Scope:
    """A refresh request as a native client sends it: without Origin, with a client key of its own."""
    key = f"{stolen.generation}.{secrets.token_urlsafe(16)}"
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": "/auth/refresh",
        "raw_path": b"/auth/refresh",
        "root_path": "/auth",
        "query_string": b"",
        "headers": [(b"cookie", stolen.cookie.encode("latin-1")), (b"idempotency-key", key.encode())],
        "client": None,
        "server": None,
    }


async def _empty_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
