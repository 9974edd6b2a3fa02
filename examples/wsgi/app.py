"""A WSGI application with sessions.

Run it: gatepass init && python app.py
"""

import json
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import make_server

from gatepass import Gatepass
from gatepass.access.wsgi import current_principal


def me(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Who is calling."""
    body = json.dumps({"account": current_principal(environ).account_id}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


gate = Gatepass.from_env()
app = gate.guard_wsgi(me, auth="/auth")

if __name__ == "__main__":
    make_server("127.0.0.1", 8000, app).serve_forever()
