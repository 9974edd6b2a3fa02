"""Start and stop an ASGI application as a server does: lifespan events, and state that goes with each request."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from gatepass.wire.asgi import ASGIApp, Message, Receive, Scope, Send


@contextlib.asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[ASGIApp]:
    """The application once its start-up is complete; its requests carry the lifespan's state."""
    state: dict[str, Any] = {}
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    reply = await from_app.get()
    assert reply["type"] == "lifespan.startup.complete", reply

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    try:
        yield with_state
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        reply = await from_app.get()
        await task
        assert reply["type"] == "lifespan.shutdown.complete", reply
