"""Plays a thief who copied a visitor's refresh cookie on the wire, so below every guard.

The thief goes through the very endpoint that everybody uses, with a client key of its own, because the
visitor's key cannot be copied out of a browser (PROTOCOL §5).
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
    """The thief's copy of a refresh cookie: its value now, its generation, and how its last use went."""

    cookie: str = field(repr=False)
    generation: int
    status: int = 0
    reason: str | None = None


class Thief:
    """Steals from one gate. What was stolen last is kept, to be tried again."""

    def __init__(self, gate: Gatepass, auth: ASGIApp) -> None:
        """`auth` is the gate's endpoints as mounted at /auth."""
        self._gate = gate
        self._auth = auth
        self._stolen: StolenCookie | None = None

    async def steal(self, request: Request) -> JSONResponse:
        """`POST /demo/thief`: copy the card of this request and refresh with the copy, once."""
        stolen = self._copy(Headers(request.scope["headers"]))
        generation = stolen.generation
        await self._use(stolen)
        self._stolen = stolen
        facts = {
            "stolen_generation": generation,
            "thief_status": stolen.status,
            "thief_generation": stolen.generation,
        }
        return JSONResponse(facts, headers={"Cache-Control": "no-store"})

    async def again(self, request: Request) -> JSONResponse:
        """`POST /demo/thief/again`: the thief tries what it has now."""
        self._gate.origins.check(Headers(request.scope["headers"]))
        if self._stolen is None:
            raise NoSession
        await self._use(self._stolen)
        facts = {"thief_status": self._stolen.status, "reason": self._stolen.reason}
        return JSONResponse(facts, headers={"Cache-Control": "no-store"})

    def _copy(self, headers: Headers) -> StolenCookie:
        """The refresh cookie of a request, and its generation from the state cookie beside it."""
        self._gate.origins.check(headers)
        cookies = headers.all(b"cookie")
        cards = self._gate.cookies.read(cookies)
        crumbs = (crumb.strip().partition("=") for text in cookies for crumb in text.split(";"))
        states = [value for name, _, value in crumbs if name == self._gate.cookies.state_name]
        if not cards or not states:
            raise NoSession
        name, text = cards[0]
        return StolenCookie(cookie=f"{name}={text}", generation=int(states[0].split(".")[1]))

    async def _use(self, stolen: StolenCookie) -> None:
        """One refresh with the copy; `stolen` then holds the successor, if there is one."""
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
                    stolen.cookie = f"{name}={text}"
        stolen.generation = answer.get("refresh_generation", stolen.generation)


def _refresh_scope(stolen: StolenCookie) -> Scope:
    """A refresh request as a native program would send it: no Origin, a key of its own."""
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
