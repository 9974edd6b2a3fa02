"""The guard for any WSGI application, and what the guards of WSGI frameworks share.

As in ASGI (`access/asgi.py`): the refresh cookie is taken out of the request before the application sees it, and given
back to the auth endpoints alone, which are mounted here. The Check needs no event loop, so a request pays no more than
there; only the first one of a process waits, for a bounded moment, until the gate is open.
"""

import functools
import http
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Protocol

from gatepass.access.check import Check, check_max_age
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, Problem
from gatepass.wire.asgi import WITHHELD, Withheld
from gatepass.wire.cookies import Cookies
from gatepass.wire.problems import MEDIA_TYPE, document
from gatepass.wire.wsgi import Environ, StartResponse, WSGIApp, authorizations, withhold

GUARD = "gatepass.door"


class Gate(Protocol):
    """What guards ask of a Gatepass, which is made above them."""

    @property
    def check(self) -> Check:
        """Verifies access tokens."""
        ...

    @property
    def cookies(self) -> Cookies:
        """How this gate names its cookies."""
        ...

    @property
    def wsgi(self) -> Any:
        """The auth endpoints (`server/wsgi.py`)."""
        ...

    def wait_until_open(self) -> None:
        """Return when it is open, or has been waited for long enough."""
        ...


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """A gate as a request carries it: its Check, behind the wait for its opening."""

    check: Check
    wait_until_open: Callable[[], None]

    def principal(self, environ: Environ, scopes: tuple[str, ...], max_age: int | None = None) -> Principal:
        """The caller, who must cover `scopes` and have signed in at most `max_age` seconds ago."""
        self.wait_until_open()
        return self.check.require(self.check.principal(authorizations(environ)), scopes, max_age=max_age)

    def optional(self, environ: Environ) -> Principal | None:
        """The caller or None."""
        self.wait_until_open()
        return self.check.optional(authorizations(environ))


class Guard:
    """`Guard(app, gate)`. With `auth` the endpoints are mounted there; with `required` all else needs a token."""

    def __init__(self, app: WSGIApp, gate: Gate, *, auth: str | None = None, required: bool = False) -> None:
        self._app = app
        self._door = RequestGuard(gate.check, gate.wait_until_open)
        self._cookies = gate.cookies
        self._endpoints: WSGIApp = gate.wsgi
        self._mount = auth.rstrip("/") if auth and gate.wsgi is not None else None  # a RemoteGate has none
        self._required = required

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Guard one request."""
        path: str = environ.get("PATH_INFO", "")
        mount = self._mount
        if mount is not None and path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/"):
            below = {
                **environ,
                "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + mount,
                "PATH_INFO": path[len(mount) :],
            }
            return self._endpoints(below, start_response)
        guard(environ, self._door, self._cookies)
        try:
            if self._required:
                current_principal(environ)
            return _primed(self._app(environ, start_response))
        except Problem as problem:
            return refuse(problem, start_response)


def guard(environ: Environ, door: RequestGuard, cookies: Cookies) -> bool:
    """Prepare an environ for the application; whether a refresh cookie was taken out of it."""
    held = withhold(environ, cookies)
    environ[GUARD] = door
    if held:
        environ[WITHHELD] = Withheld(held)
    return bool(held)


def current_principal(environ: Environ, *scopes: str, max_age: int | None = None) -> Principal:
    """The caller of this request, who covers `scopes` and signed in at most `max_age` seconds ago.

    Raises TokenRequired, InvalidToken, InsufficientScope, InsufficientUserAuthentication or Unavailable.
    """
    return guard_of(environ).principal(environ, scopes, max_age)


def optional_principal(environ: Environ) -> Principal | None:
    """The caller, or None where no token came. Raises InvalidToken for a token that does not hold."""
    return guard_of(environ).optional(environ)


def requires(*scopes: str, max_age: int | None = None) -> Callable[[WSGIApp], WSGIApp]:
    """Decorate a WSGI application: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most so many seconds ago.
    """
    check_max_age(max_age)

    def decorate(app: WSGIApp) -> WSGIApp:
        @functools.wraps(app)
        def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            current_principal(environ, *scopes, max_age=max_age)
            return app(environ, start_response)

        return guarded

    return decorate


def guard_of(environ: Environ) -> RequestGuard:
    """The gate that guards this request. Raises ConfigurationError where none does."""
    door = environ.get(GUARD)
    if not isinstance(door, RequestGuard):
        raise ConfigurationError("No gate guards this application: wrap it, app = gate.guard_wsgi(app).")
    return door


def refuse(problem: Problem, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a problem that a guarded application let pass through."""
    body = document(problem)
    status = f"{problem.status} {http.HTTPStatus(problem.status).phrase}"
    headers = [*answer_headers(problem).items(), ("Content-Length", str(len(body)))]
    start_response(status, headers, sys.exc_info())
    return [body]


def answer_headers(problem: Problem) -> dict[str, str]:
    """What goes with a problem's document, its length aside."""
    return {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers}


def _primed(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """A generator has done nothing yet; its first step decides what is answered."""
    if not isinstance(chunks, GeneratorType):
        return chunks
    first = next(chunks, None)
    return _Rest(first, chunks)


class _Rest:
    """A generator whose first step was taken."""

    def __init__(self, first: bytes | None, chunks: "GeneratorType[bytes, None, None]") -> None:
        self._first = first
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        if self._first is not None:
            yield self._first
            yield from self._chunks

    def close(self) -> None:
        """PEP 3333: a server calls it at the end."""
        self._chunks.close()
