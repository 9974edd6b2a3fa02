"""The guard in Starlette's idiom: `current_principal(request)` in an endpoint, `@requires(...)` above one.

A refusal is a Starlette HTTPException, so the application's own exception handlers see it. Without a handler for it the
response is a problem document.
"""

import functools
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import ParamSpec, TypeVar

from gatepass._extras import missing_extra

try:
    from starlette.exceptions import HTTPException
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "starlette", sentence="This guard needs starlette: pip install 'gatepass[starlette]'"
    ) from None
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from gatepass.access import asgi, live_socket
from gatepass.access.check import check_step_up
from gatepass.access.live_stream import Chunk
from gatepass.core.principal import Principal
from gatepass.errors import GatepassError, Problem
from gatepass.wire.problems import MEDIA_TYPE, document

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_HANDLERS = "starlette.exception_handlers"


class Denied(HTTPException, GatepassError):
    """A refusal by the guard; `problem` is the error that caused it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status, detail=problem.detail, headers=dict(problem.headers))
        self.problem = problem


def current_principal(
    connection: HTTPConnection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises Denied (401, 403 or 503).
    """
    try:
        return asgi.current_principal(connection.scope, *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        raise denied(connection, problem) from None


async def admit(socket: WebSocket, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """Let the caller of a WebSocket in: by a header, a sub-protocol or the first message, which is waited for.

    Then `await socket.accept()` as usual. `current_principal(socket)` is the caller by the newest token. Raises Denied
    after it has closed the socket.
    """
    try:
        return await live_socket.admit(socket.scope, *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        raise denied(socket, problem) from None


async def admit_optional(socket: WebSocket) -> Principal | None:
    """As `admit`, but None for a WebSocket whose handshake brought no token: nothing is waited for.

    Raises Denied for an invalid token.
    """
    try:
        return await live_socket.admit_optional(socket.scope)
    except Problem as problem:
        raise denied(socket, problem) from None


def live_stream(request: HTTPConnection, chunks: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks of a StreamingResponse to the caller, until the session ends or the token runs out.

    Raises Denied, before the response begins.
    """
    try:
        return asgi.live_stream(request.scope, chunks)
    except Problem as problem:
        raise denied(request, problem) from None


def link_principal(connection: HTTPConnection, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    `by_link` of the principal says which. Raises Denied (401, 403 or 503).
    """
    try:
        return asgi.link_principal(connection.scope, *scopes)
    except Problem as problem:
        raise denied(connection, problem) from None


def optional_principal(connection: HTTPConnection) -> Principal | None:
    """The caller, or None where no token came. Raises Denied for an invalid token."""
    try:
        return asgi.optional_principal(connection.scope)
    except Problem as problem:
        raise denied(connection, problem) from None


def page_principal(
    request: HTTPConnection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The person for whom a page is rendered, by the page cookie, in a route for GET and HEAD (PROTOCOL §10).

    Raises Denied: a 303 for a person who must resume the session or sign in first, else 401, 403 or 503.
    """
    try:
        return asgi.page_principal(request.scope, *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        raise denied(request, problem) from None


def optional_page_principal(request: HTTPConnection) -> Principal | None:
    """The person, or None for one who is signed out. Raises Denied as `page_principal`."""
    try:
        return asgi.optional_page_principal(request.scope)
    except Problem as problem:
        raise denied(request, problem) from None


def requires(
    *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Callable[[Callable[Parameters, Awaitable[Result]]], Callable[Parameters, Awaitable[Result]]]:
    """Decorate an async endpoint: it runs only for a caller who covers `scopes` (none: any valid caller).

    Of a WebSocket the caller is let in, as by `admit`.
    With `max_age` the caller must have signed in at most that many seconds ago.
    """
    return _decorator(current_principal, "current_principal", scopes, max_age, acr)


def requires_page(
    *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Callable[[Callable[Parameters, Awaitable[Result]]], Callable[Parameters, Awaitable[Result]]]:
    """The same for a page that is rendered for a person, by `page_principal`."""
    return _decorator(page_principal, "page_principal", scopes, max_age, acr)


def _decorator(
    find: Callable[..., Principal], name: str, scopes: tuple[str, ...], max_age: int | None, acr: str | None
) -> Callable[[Callable[Parameters, Awaitable[Result]]], Callable[Parameters, Awaitable[Result]]]:
    check_step_up(max_age, acr)

    def guard(
        endpoint: Callable[Parameters, Awaitable[Result]],
    ) -> Callable[Parameters, Awaitable[Result]]:
        if not inspect.iscoroutinefunction(endpoint):
            raise TypeError(f"this decorates async endpoints; in others call {name}(request)")

        @functools.wraps(endpoint)
        async def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            connection = _connection_among((*args, *kwargs.values()))
            if isinstance(connection, WebSocket) and find is current_principal:
                await admit(connection, *scopes, max_age=max_age, acr=acr)
            else:
                find(connection, *scopes, max_age=max_age, acr=acr)
            return await endpoint(*args, **kwargs)

        return guarded

    return guard


async def answer(_request: Request, denied: Exception) -> Response:
    """Return the problem document of a Denied."""
    if not isinstance(denied, Denied):
        raise denied
    headers = {**denied.problem.headers, "Cache-Control": "no-store"}
    body = document(denied.problem)
    return Response(body, denied.problem.status, headers=headers, media_type=MEDIA_TYPE)


def denied(connection: HTTPConnection, problem: Problem) -> Denied:
    """The exception for a refusal, which this connection's application will answer."""
    # Starlette puts the application's handler tables into the scope before a guard could add to them. Ours is added
    # at the first refusal, unless the application has registered a handler for Denied.
    if isinstance(connection, WebSocket):
        if (socket := live_socket.socket_of(connection.scope)) is not None:
            socket.refusal = problem
    else:
        by_class, _by_status = connection.scope.get(_HANDLERS, ({}, {}))
        by_class.setdefault(Denied, answer)
    return Denied(problem)


def _connection_among(values: tuple[object, ...]) -> HTTPConnection:
    found = next((value for value in values if isinstance(value, HTTPConnection)), None)
    if found is None:
        raise TypeError("requires() needs an endpoint that takes the request")
    return found
