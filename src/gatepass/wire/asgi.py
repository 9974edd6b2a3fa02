"""ASGI's types, and the one thing that a guard and the auth endpoints tell each other through a scope.

A guard keeps the refresh cookie from the application it wraps; the auth endpoints mounted inside take it
back. So the guard need not know where they are mounted.
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


class Withheld:
    """The cookie text that was taken out of a request. Its repr keeps it out of logs and debuggers."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<withheld>"


def reclaim(scope: Scope, headers: Headers) -> list[str]:
    """The Cookie headers of a request, with what a guard outside has withheld."""
    values = headers.all(b"cookie")
    withheld = scope.get(WITHHELD)
    return [*values, withheld.text.decode("latin-1")] if isinstance(withheld, Withheld) else values
