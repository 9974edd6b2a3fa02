"""The guard as a Flask extension.

    app = Flask(__name__)
    GatepassFlask(app)                    # GATEPASS_* of the environment; endpoints under /auth

    @app.get("/notes")
    @requires("notes:read")
    def notes(): return {"account": current_principal().account_id}

`current_principal` is a function, as in the other guards, and not a proxy like Flask-Login's `current_user`: it raises
without a valid access token, and type checkers see that it returns a Principal. A refusal is an HTTPException, so the
application's own error handlers see it (by status, by HTTPException or by Denied). Without one the response is a
problem document.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

from gatepass._extras import missing_extra

try:
    from flask import Flask, Response, abort, current_app, request
except ModuleNotFoundError as missing:
    raise missing_extra(missing, "flask", sentence="This guard needs flask: pip install 'gatepass[flask]'") from None
from werkzeug import exceptions
from werkzeug.exceptions import HTTPException

from gatepass.access import wsgi
from gatepass.access.check import check_step_up
from gatepass.access.gate import Gate
from gatepass.access.live_stream import Chunk
from gatepass.access.wsgi import Guard, answer_headers
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError, GatepassError, Problem
from gatepass.gate import Gatepass
from gatepass.wire.problems import document

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
EXTENSION = "gatepass"


class Denied(HTTPException, GatepassError):
    """A refusal by the guard; `problem` is the error that caused it. Flask finds handlers by class."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(description=problem.detail)
        self.problem = problem

    def get_response(self, environ: Any = None, scope: Any = None) -> Response:
        """The problem document, in place of the HTML page of werkzeug."""
        return Response(document(self.problem), self.problem.status, headers=answer_headers(self.problem))


class _Elsewhere(Denied):
    """A person who opens a page must resume the session or sign in first."""

    code = 303


class _Unauthorized(Denied, exceptions.Unauthorized):
    """No valid access token, or the sign-in is too long ago."""


class _Forbidden(Denied, exceptions.Forbidden):
    """The access token lacks a scope."""


class _Unavailable(Denied, exceptions.ServiceUnavailable):
    """The revocations are not known at the moment."""


_DENIALS: dict[int, type[Denied]] = {303: _Elsewhere, 401: _Unauthorized, 403: _Forbidden, 503: _Unavailable}


class GatepassFlask:
    """The extension. `gate`: else the application's config GATEPASS, else GATEPASS_* of the environment.

    `auth`: where to mount the endpoints; None mounts none. Config GATEPASS is a gate, its dotted name, or a dict with
    the arguments of Gatepass(...) in capitals. Raises ConfigurationError.
    """

    def __init__(self, app: Flask | None = None, gate: Gate | None = None, *, auth: str | None = "/auth") -> None:
        self._gate = gate
        self._auth = auth
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Guard an application; one extension can guard several."""
        if EXTENSION in app.extensions:
            raise ConfigurationError("GatepassFlask guards this application already.")
        gate: Gate = self._gate or Gatepass.from_setting(app.config.get("GATEPASS"))
        app.extensions[EXTENSION] = gate
        app.wsgi_app = Guard(app.wsgi_app, gate, auth=self._auth)  # type: ignore[method-assign]
        if _has_no_handler(app):
            app.register_error_handler(Problem, _answer)


def current_principal(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises Denied (401, 403 or 503). A CORS preflight has no token: it gets Flask's own response to OPTIONS, to which
    `after_request` adds its headers, and nothing else of the application runs.
    """
    if wsgi.is_cors_preflight(request.environ) and "HTTP_AUTHORIZATION" not in request.environ:
        abort(current_app.make_default_options_response())
    try:
        return wsgi.current_principal(_environ(), *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        raise _denied(problem) from None


def link_principal(*scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    `by_link` of the principal says which. Raises Denied (401, 403 or 503).
    """
    try:
        return wsgi.link_principal(_environ(), *scopes)
    except Problem as problem:
        raise _denied(problem) from None


def optional_principal() -> Principal | None:
    """The caller, or None where no token came. Raises Denied for an invalid token."""
    try:
        return wsgi.optional_principal(_environ())
    except Problem as problem:
        raise _denied(problem) from None


def page_principal(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The person for whom this page is rendered, by the page cookie, for GET and HEAD (PROTOCOL §10).

    Raises Denied: a 303 for a person who must resume the session or sign in first, else 401, 403 or 503.
    """
    try:
        return wsgi.page_principal(_environ(), *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        raise _denied(problem) from None


def optional_page_principal() -> Principal | None:
    """The person, or None for one who is signed out. Raises Denied as `page_principal`."""
    try:
        return wsgi.optional_page_principal(_environ())
    except Problem as problem:
        raise _denied(problem) from None


def live_stream(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks of a streamed response to the caller, until the session ends or the token runs out.

    It is looked at before each chunk. Raises Denied, before the response begins.
    """
    try:
        return wsgi.live_stream(_environ(), chunks)
    except Problem as problem:
        raise _denied(problem) from None


def requires(
    *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorate a view, sync or async: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most that many seconds ago. Write it below the route, so that the
    route gets what it returns.
    """
    return _decorator(current_principal, scopes, max_age, acr)


def requires_page(
    *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """The same for a page that is rendered for a person, by `page_principal`."""
    return _decorator(page_principal, scopes, max_age, acr)


def _decorator(
    find: Callable[..., Principal], scopes: tuple[str, ...], max_age: int | None, acr: str | None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    check_step_up(max_age, acr)

    def decorate(view: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        is_async = inspect.iscoroutinefunction(view)

        @functools.wraps(view)
        def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            find(*scopes, max_age=max_age, acr=acr)
            if not is_async:
                return view(*args, **kwargs)
            result: Result = current_app.ensure_sync(view)(*args, **kwargs)
            return result

        return guarded

    return decorate


def _environ() -> Any:
    environ = request.environ
    if wsgi.GUARD not in environ:
        raise ConfigurationError("No gate guards this application: GatepassFlask(app).")
    return environ


def _denied(problem: Problem) -> Exception:
    denial = _DENIALS.get(problem.status)
    return denial(problem) if denial is not None else problem


def _answer(problem: Problem) -> Response:
    """Answer a problem that a view itself raised, by a call to the gate's sessions or accounts."""
    return Response(document(problem), problem.status, headers=answer_headers(problem))


def _has_no_handler(app: Flask) -> bool:
    return Problem not in app.error_handler_spec[None][None]
