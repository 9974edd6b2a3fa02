"""The API of examples/rendered_api with its gate, and the proxy before it that sends everything else to a page server.

    python -m tests.system.browser.rendering --port 8001 --public-port 8002 --pages-port 3000 --folder /tmp/x

A browser sees one origin, as it does behind nginx. Page servers see the whole request, the refresh cookie too.
"""

import argparse
import runpy
from pathlib import Path

import httpx2
import uvicorn
from fastapi import FastAPI

from gatepass import Gatepass, Pages
from gatepass.core.keyring import compose_secret
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[3]
API = ROOT / "examples" / "rendered_api" / "app.py"
SECRET = compose_secret(b"rendering-secret-for-tests-only-0123456789")
HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"content-length"))


class Front:
    """Passes /auth and /api to the API, and the rest to the page server."""

    def __init__(self, api: FastAPI, pages_port: int) -> None:
        self._api = api
        self._client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{pages_port}", timeout=None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"].startswith(("/auth", "/api")):
            await self._api(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = [pair for pair in scope["headers"] if pair[0] not in HOP_BY_HOP]
        request = self._client.build_request(scope["method"], target, headers=headers, content=body or None)
        answer = await self._client.send(request, stream=True)
        content = b"".join([part async for part in answer.aiter_raw()])
        await answer.aclose()
        kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in HOP_BY_HOP]
        if scope["method"] != "HEAD" and answer.status_code not in (204, 304):
            kept.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": content})


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--public-port", type=int, required=True)
    parser.add_argument("--pages-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    gate = Gatepass(
        secrets=[SECRET],
        public_url=f"http://localhost:{options.public_port}",
        store=f"sqlite:///{options.folder / 'rendering.db'}",
        hasher=FastHasher(),
        pages=Pages(),
    )
    api = runpy.run_path(str(API))["create_app"](gate)
    uvicorn.run(Front(api, options.pages_port), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
