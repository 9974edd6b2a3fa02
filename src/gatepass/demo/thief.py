"""Plays a thief that copied a card, at this site and at two of another kind, below every guard.

    gatepass   the visitor's own refresh cookie, shown without the key, which the browser never reveals (PROTOCOL §5)
    careful    a session of this gate without a key: cards are exchanged, and a second holder is noticed
    common     cards are exchanged, and an old one is refused like any that is none

The first two are the real endpoints. The owner of the last two is played here too: a lesson signs no visitor out.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse

from gatepass.errors import NoSession, NotFound
from gatepass.gate import Gatepass
from gatepass.wire.asgi import ASGIApp, Message, Scope
from gatepass.wire.headers import Headers

Show = Callable[[str], Awaitable[tuple[int, str]]]
"""Shows a card at the gate of a site. Returns the status, and the successor: the same card if there is none."""


@dataclass(slots=True)
class Card:
    """A card that a party holds: the text of a refresh cookie, or its like."""

    text: str = field(repr=False)


class Thief:
    """Steals from visitors of one gate. The last copy is kept for another attempt."""

    def __init__(self, gate: Gatepass, auth: ASGIApp, *, email: str, password: str) -> None:
        """`auth` is the gate's endpoints as mounted at /auth; the account is that of the demo."""
        self._gate = gate
        self._auth = auth
        self._credentials = {"email": email, "password": password}
        self._copy: Card | None = None

    async def steal(self, request: Request) -> JSONResponse:
        """`POST /demo/thief/{site}`: what becomes of the thief and of the owner, in order.

        At this site (`gatepass`) the owner is the page, which sees for itself.
        """
        headers = Headers(request.scope["headers"])
        self._gate.origins.check(headers)
        match request.path_params["site"]:
            case "gatepass":
                self._copy = self._copy_of(headers)
                steps = [("thief", await self._use(self._copy, self._show))]
            case "again" if self._copy is not None:
                steps = [("thief", await self._use(self._copy, self._show))]
            case "careful":
                steps = await self._play(await self._unbound_card(), self._show)
            case "common":
                site = ForgetfulSite()
                steps = await self._play(Card(site.card), site.show)
            case _:
                raise NotFound
        answer = [{"who": who, "status": status} for who, status in steps]
        return JSONResponse({"steps": answer}, headers={"Cache-Control": "no-store"})

    async def _play(self, owner: Card, show: Show) -> list[tuple[str, int]]:
        """The thief is first, then the owner comes, then the thief again."""
        thief = Card(owner.text)
        # What a thief does in an hour: a conflict of the same seconds would count as one of two tabs.
        for _ in range(2):
            await self._use(thief, show)
        parties = (("thief", thief), ("owner", owner), ("thief", thief))
        return [(who, await self._use(card, show)) for who, card in parties]

    async def _use(self, card: Card, show: Show) -> int:
        status, card.text = await show(card.text)
        return status

    def _copy_of(self, headers: Headers) -> Card:
        """The refresh cookie of a request. Raises NoSession without one."""
        received = self._gate.cookies.read(headers.all(b"cookie"))
        if not received:
            raise NoSession
        return Card(f"{self._gate.cookies.place.names.refresh}={received[0].text.reveal()}")

    async def _unbound_card(self) -> Card:
        """The card of a sign-in by a program that has no key."""
        status, cookie = await self._post("/login", body=json.dumps(self._credentials).encode())
        if not cookie:
            raise NotFound(f"the demo's account could not sign in ({status})")
        return Card(cookie)

    async def _show(self, cookie: str) -> tuple[int, str]:
        status, successor = await self._post("/refresh", cookie=cookie)
        return status, successor or cookie

    async def _post(self, path: str, *, cookie: str = "", body: bytes = b"") -> tuple[int, str]:
        """Send one request as a native client does. Returns the status, and the refresh cookie that was set."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._auth(_scope(path, cookie, body), receive, keep)
        set_cookies = [value.decode("latin-1") for name, value in messages[0]["headers"] if name == b"set-cookie"]
        wanted = f"{self._gate.cookies.place.names.refresh}="
        found = [text.partition(";")[0] for text in set_cookies if text.startswith(wanted)]
        return messages[0]["status"], found[0] if found else ""


class ForgetfulSite:
    """A site that exchanges cards and remembers the newest one only."""

    def __init__(self) -> None:
        self.card = secrets.token_urlsafe()

    async def show(self, card: str) -> tuple[int, str]:
        """Exchange the newest card; refuse every other."""
        if not secrets.compare_digest(card, self.card):
            return 401, card
        self.card = secrets.token_urlsafe()
        return 200, self.card


def _scope(path: str, cookie: str, body: bytes) -> Scope:
    """A request as a native client sends it: without Origin, with the header that no form can send."""
    headers = [(b"gatepass-client", b"1"), (b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    if cookie:
        headers.append((b"cookie", cookie.encode("latin-1")))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": f"/auth{path}",
        "raw_path": f"/auth{path}".encode(),
        "root_path": "/auth",
        "query_string": b"",
        "headers": headers,
        "client": None,
        "server": None,
    }
