"""ASGI's types, and what a guard and the auth endpoints tell each other through a scope.

A guard keeps the refresh cookie from the application it wraps; the auth endpoints mounted inside take it back. They
tell the guard which CORS headers their response has, whatever a middleware between them makes of it. So the guard need
not know where they are mounted.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gatepass.wire.headers import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

WITHHELD = "gatepass.withheld"
SENDER = "gatepass.sender"
"""The key of the guard's `GuardedSend` in a scope."""


class Withheld:
    """The cookie text that was taken out of a request. Its repr keeps it out of logs and debuggers."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<withheld>"


def keep(scope: MutableMapping[str, Any], text: bytes) -> None:
    """Put what was taken out of a request beside what a guard outside has taken out, in a scope or an environ."""
    before = scope.get(WITHHELD)
    scope[WITHHELD] = Withheld(before.text + b"; " + text if isinstance(before, Withheld) else text)


def reclaim(scope: Scope, headers: Headers) -> list[str]:
    """The Cookie headers of a request, with what a guard outside has withheld."""
    values = headers.all(b"cookie")
    withheld = scope.get(WITHHELD)
    return [*values, withheld.text.decode("latin-1")] if isinstance(withheld, Withheld) else values


def relative_path(scope: Scope) -> str:
    """The path below the mount. Starlette passes the whole path beside root_path; Litestar strips it, adds a slash."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    if path.endswith("/") and not scope.get("raw_path", b"/").endswith(b"/"):
        path = path[:-1]  # the slash that Litestar added
    return path or "/"
