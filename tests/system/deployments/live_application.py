"""An application with a WebSocket and an event stream, for uvicorn; run by `test_live.py`."""

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, WebSocket
from starlette.responses import StreamingResponse

from gatepass import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal, live_stream, newest_principal

gate = Gatepass.from_env()
app = FastAPI(lifespan=gate.lifespan)
app.mount("/auth", gate.asgi)


@app.websocket("/live/chat")
async def chat(socket: WebSocket, principal: CurrentPrincipal) -> None:
    """Repeats, with the session by the newest token."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(f"{newest_principal(socket).session_id} {text}")


@app.get("/live/feed")
async def feed(request: Request, principal: CurrentPrincipal) -> StreamingResponse:
    """One event, then silence."""

    async def events() -> AsyncIterator[str]:
        import asyncio

        yield f"data: {principal.session_id}\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(live_stream(request, events()), media_type="text/event-stream")
