"""A server that answers every request with the same bytes: what HTTP alone costs.

    _fixed_reply.py ANSWER.json --port N

The very server of `gatepass serve`, with an application below it that reads the request and decides nothing.
"""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gatepass.serving.process import bind, serve


def main() -> None:
    """Serve until told to stop."""
    answer = json.loads(Path(sys.argv[1]).read_text())
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer["headers"]]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    body = {"type": "http.response.body", "body": answer["body"].encode()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(start)
        await send(body)

    @contextlib.asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield

    serve(app, bind("127.0.0.1", int(sys.argv[3])), around=nothing)


if __name__ == "__main__":
    main()
