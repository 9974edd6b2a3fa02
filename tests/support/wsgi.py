"""A WSGI application called as an ASGI one, so that the same cases run against both: a WSGI server without a socket.

It folds repeated headers with commas, as wsgiref and gunicorn do, and holds the application to PEP 3333.
"""

import asyncio
import io
from typing import Any
from wsgiref.validate import validator

from gatepass.gate import Gatepass
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.wsgi import WSGIApp

_UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def over_asgi(app: WSGIApp, gate: Gatepass) -> ASGIApp:
    """Each request runs in a thread; the lifespan waits for the gate and closes it."""
    checked: WSGIApp = validator(app)

    async def adapter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(gate, receive, send)
            return
        message = await receive()
        status, headers, body = await asyncio.to_thread(_call, checked, environ_of(scope, message.get("body", b"")))
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": int(status[:3]), "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return adapter


async def run_lifespan(gate: Gatepass, receive: Receive, send: Send) -> None:
    """Of an application that has none: the gate opens by itself; here it is waited for, and closed."""
    await receive()
    await asyncio.to_thread(gate.wait_until_open)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.to_thread(gate.background.stop)
    await send({"type": "lifespan.shutdown.complete"})


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 has it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": "gate.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",  # as gunicorn has a Unix socket
        "REQUEST_URI": scope.get("raw_path", b"").decode("latin-1"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        key = _UNPREFIXED.get(name, "HTTP_" + name.upper().replace("-", "_"))
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _call(app: WSGIApp, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda chunk: None

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return status, headers, body
