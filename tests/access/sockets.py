"""A guarded application with one WebSocket route, and what tests of such sockets do with it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from gatepass.access import asgi
from gatepass.access.live import LiveConnections
from gatepass.access.live_socket import admit
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.live import Socket, opened


class Echo:
    """An application that lets its caller in, repeats what it is told, and notes what happened to it."""

    def __init__(self, *scopes: str, chooses: str | None = None, max_age: int | None = None) -> None:
        self.scopes, self.chooses, self.max_age = scopes, chooses, max_age
        self.seen: list[Scope] = []
        self.heard: list[str] = []
        self.left: list[tuple[int, str]] = []
        self.callers: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        principal = await admit(scope, *self.scopes, max_age=self.max_age)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "subprotocol": self.chooses})
        await send({"type": "websocket.send", "text": f"hello {principal.account_id}"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])
            self.callers.append(asgi.current_principal(scope).token_id)
            await send({"type": "websocket.send", "text": message["text"]})
        self.left.append((message["code"], message["reason"]))


class Stage:
    """A gate, ann who has signed in there, and an Echo behind the guard."""

    def __init__(self, at: GateHarness, ann: Browser, echo: Echo) -> None:
        self.at, self.ann, self.echo = at, ann, echo
        self.app: ASGIApp = at.gate.guard(echo)

    @property
    def live(self) -> LiveConnections:
        return self.at.gate.live

    @contextlib.asynccontextmanager
    async def inside(self) -> AsyncIterator[Socket]:
        """A socket of ann that was let in by a first message."""
        async with opened(self.app, headers=[("origin", ORIGIN)]) as socket:
            socket.show(self.ann.access_token)
            for _ in range(3):  # accepted, the guard's answer, hello
                await socket.hear()
            yield socket


@contextlib.asynccontextmanager
async def stage(echo: Echo | None = None, **options: Any) -> AsyncIterator[Stage]:
    async with open_gate(**options) as at:
        ann = Browser(at.gate.asgi)
        assert (await ann.register()).status == 201
        yield Stage(at, ann, echo or Echo())
