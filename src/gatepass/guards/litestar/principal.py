"""The caller of a connection, for a handler, a middleware or a guard that asks for it itself."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.types import Scope

from gatepass.access import asgi, live_socket
from gatepass.access.live_stream import Chunk
from gatepass.access.live_wire import POLICY, code_of
from gatepass.core.principal import Principal
from gatepass.errors import GatepassError, Problem

Connection = ASGIConnection[Any, Any, Any, Any]


class Denied(HTTPException, GatepassError):
    """A refusal by the guard; `problem` is the error that caused it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(status_code=problem.status, detail=problem.detail, headers=dict(problem.headers))
        self.problem = problem


def current_principal(
    connection: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises Denied (401, 403 or 503).
    """
    try:
        return asgi.current_principal(connection.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


async def admit(socket: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """Let the caller of a WebSocket in: by a header, a sub-protocol or the first message, which is waited for.

    Then `await socket.accept()` as usual. `current_principal(socket)` is the caller by the newest token. Raises
    WebSocketException after it has closed the socket.
    """
    try:
        return await live_socket.admit(socket.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(socket.scope, problem) from None


def live_stream(request: Connection, chunks: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks of a Stream or ServerSentEvent to the caller, until the session ends or the token runs out.

    Raises Denied, before the response begins.
    """
    try:
        return asgi.live_stream(request.scope, chunks)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(request.scope, problem) from None


def link_principal(connection: Connection, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    `by_link` of the principal says which. Raises Denied (401, 403 or 503).
    """
    try:
        return asgi.link_principal(connection.scope, *scopes)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def optional_principal(connection: Connection) -> Principal | None:
    """The caller, or None where no token came. Raises Denied for an invalid token."""
    try:
        return asgi.optional_principal(connection.scope)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def page_principal(
    connection: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The person for whom a page is rendered, by the page cookie, for GET and HEAD (PROTOCOL §10).

    Raises Denied: a 303 for a person who must resume the session or sign in first, else 401, 403 or 503.
    """
    try:
        return asgi.page_principal(connection.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def optional_page_principal(connection: Connection) -> Principal | None:
    """The person, or None for one who is signed out. Raises Denied as `page_principal`."""
    try:
        return asgi.optional_page_principal(connection.scope)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def _refusal(scope: Scope, problem: Problem) -> Denied | WebSocketException:
    if scope["type"] == ScopeType.WEBSOCKET:
        socket = live_socket.socket_of(scope)  # type: ignore[arg-type]
        is_in = socket is not None and socket.is_admitted
        return WebSocketException(detail=problem.code, code=code_of(problem) if is_in else POLICY)
    return Denied(problem)
