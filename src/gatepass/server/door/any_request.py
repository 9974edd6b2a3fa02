"""The request of any framework, read as a request of the endpoints is.

    an ASGI scope, a WSGI environ          as they are
    .META                                  Django, under WSGI and ASGI; Django REST framework
    .environ                               Flask, and whatever stands on werkzeug or WebOb
    .scope                                 Starlette, FastAPI, Litestar, Quart

A framework is known by where it keeps what its server gave it, so none is imported. What a guard took out of the
request, its refresh cookie, is where the guard has put it.
"""

from collections.abc import Mapping
from typing import Any

from gatepass.server.http import Request
from gatepass.server.wsgi import scope_of
from gatepass.wire.asgi import SENDER, Message, Scope

_HELD_AS = ("META", "environ", "scope")


def read_request(request: object) -> Request:
    """The request, without its body, which is the application's.

    Call it where the request came in: some frameworks (Flask) know their request on its own thread alone. Raises
    TypeError for what is no HTTP request.
    """
    scope = _scope_of(request)
    if scope is None or scope.get("type") != "http":
        raise TypeError(
            f"sign_in takes the HTTP request of the framework, an ASGI scope or a WSGI environ, not {_kind(request)}"
        )
    return Request({**scope, "path": scope.get("path", "/")}, _no_body)


def handed_over(request: object) -> Any:
    """The mapping in which a guard leaves word for the code behind it: the scope, or the environ. None without one."""
    held = [found for name in _HELD_AS if isinstance(found := getattr(request, name, None), Mapping)]
    if not held:
        return request if isinstance(request, Mapping) else None
    return next((each for each in held if SENDER in each), held[0])


def _scope_of(request: object) -> Scope | None:
    found = handed_over(request)
    if found is None or "REQUEST_METHOD" not in found:
        return found
    return scope_of(found)


def _kind(request: object) -> str:
    return f"a {type(request).__name__}" if request is not None else "None"


async def _no_body() -> Message:
    raise RuntimeError("the body of the request is the application's")
