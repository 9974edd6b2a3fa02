"""The guard for any WSGI application, and what the guards of WSGI frameworks share.

As for ASGI (`access/asgi_guard.py`): the refresh cookie is removed from the request before the application sees it, and
only the auth endpoints, which are mounted here, get it back. The Check needs no event loop, so a request costs no more
than there. Only the first request of a process waits until the gate is open, for a bounded time.
"""

import functools
import http
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import GeneratorType
from typing import Any
from urllib.parse import quote

from gatepass.access.check import Check, check_step_up
from gatepass.access.delivery import Delivery
from gatepass.access.gate import Gate
from gatepass.access.live import LiveConnections
from gatepass.access.live_stream import Chunk, until_over_sync
from gatepass.access.pages import PATH_CHARACTERS, PageCheck, PageRequest, pages_of
from gatepass.access.refusals import Cors, problem_of
from gatepass.access.rendered import cache_headers
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError, GatepassError, Problem
from gatepass.wire.asgi import SENDER, keep, reclaim
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers
from gatepass.wire.links import LINK, has_link, private_headers
from gatepass.wire.problems import MEDIA_TYPE, document
from gatepass.wire.wsgi import Environ, StartResponse, WSGIApp, authorizations, raw_headers, withhold, withhold_link

GUARD = "gatepass.guard"
"""The key of the RequestGuard in an environ."""
RENDERED = "gatepass.rendered"
"""The key of what an application has asked of a page's person (`access/rendered.py`)."""


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """The guard of one request, kept in its environ: waits until the gate is open, then checks."""

    check: Check
    wait_until_open: Callable[[], None]
    live: LiveConnections

    def principal(
        self, environ: Environ, scopes: tuple[str, ...], max_age: int | None = None, acr: str | None = None
    ) -> Principal:
        """The caller, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`."""
        self.wait_until_open()
        return self.check.require(self.check.principal(authorizations(environ)), scopes, max_age=max_age, acr=acr)

    def linked(self, environ: Environ, scopes: tuple[str, ...]) -> Principal:
        """The caller by its access token or by the link of the request, who must cover `scopes`."""
        self.wait_until_open()
        return self.check.require(self.check.linked(authorizations(environ), environ.get(LINK)), scopes)

    def optional(self, environ: Environ) -> Principal | None:
        """The caller, or None if the request has no token."""
        self.wait_until_open()
        return self.check.optional(authorizations(environ))

    @property
    def pages(self) -> PageCheck:
        """The check of page cookies. Raises ConfigurationError for a gate without them."""
        pages = pages_of(self.check)
        self.wait_until_open()
        return pages


class Guard:
    """`Guard(app, gate)`. `auth` is where to mount the endpoints; with `required` every other request needs a token."""

    def __init__(self, app: WSGIApp, gate: Gate, *, auth: str | None = None, required: bool = False) -> None:
        self._app = app
        self._guard = RequestGuard(gate.check, gate.wait_until_open, gate.live)
        self._cookies = gate.cookies
        self._endpoints = gate.wsgi
        self._mount = auth.rstrip("/") if auth and self._endpoints else None
        self._required = required
        self._origins = gate.origins

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer below the mount of the endpoints; else pass the request on, without its refresh cookie."""
        path: str = environ.get("PATH_INFO", "")
        mount, endpoints = self._mount, self._endpoints
        if endpoints and mount is not None and _is_below(path, mount):
            script_name = environ.get("SCRIPT_NAME", "") + mount
            return endpoints({**environ, "SCRIPT_NAME": script_name, "PATH_INFO": path[len(mount) :]}, start_response)
        prepare_environ(environ, self._guard, self._cookies)
        started = environ[SENDER] = _Started(start_response, environ, by_link=LINK in environ)
        try:
            if self._required and not is_cors_preflight(environ):
                current_principal(environ)
            return _primed(self._app(environ, started))
        except GatepassError as refusal:
            started.finish()
            problem = problem_of(refusal)
            if problem is None:
                raise
            return started.refuse(problem, self._origins.cors(Headers(raw_headers(environ))) if self._origins else ())
        except BaseException:
            started.finish()
            raise


def prepare_environ(environ: Environ, guard: RequestGuard, cookies: Cookies, *, path: str | None = None) -> bool:
    """Withhold refresh cookie and link and add the guard, in place. Returns whether there was a refresh cookie.

    `path`: the whole path, for environs that have it in no WSGI spelling.
    """
    held = withhold(environ, cookies)
    if has_link(environ.get("QUERY_STRING", "")):
        withhold_link(environ, path)
    environ[GUARD] = guard
    if held:
        keep(environ, held)
    return bool(held)


def current_principal(environ: Environ, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises TokenRequired, InvalidToken, InsufficientScope, InsufficientUserAuthentication or Unavailable.
    """
    return guard_of(environ).principal(environ, scopes, max_age, acr)


def link_principal(environ: Environ, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    Raises as `current_principal`.
    """
    return guard_of(environ).linked(environ, scopes)


def optional_principal(environ: Environ) -> Principal | None:
    """The caller, or None if the request has no token. Raises InvalidToken for an invalid token."""
    return guard_of(environ).optional(environ)


def page_principal(environ: Environ, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The person for whom this request's page is rendered, who must cover `scopes` (PROTOCOL §10).

    Raises as `PageCheck.principal`, and ConfigurationError for a gate without pages.
    """
    pages = guard_of(environ).pages
    environ[RENDERED] = "for-a-person"
    return pages.principal(page_request(environ), scopes, max_age=max_age, acr=acr)


def optional_page_principal(environ: Environ) -> Principal | None:
    """The person, or None for one who is signed out. Raises as `PageCheck.optional`."""
    pages = guard_of(environ).pages
    environ[RENDERED] = "for-anyone"
    found = pages.optional(page_request(environ))
    if found is not None:
        environ[RENDERED] = "for-a-person"
    return found


def page_request(environ: Environ) -> PageRequest:
    """The request as its browser sent it."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    target = quote(path.encode("latin-1", "replace"), safe=PATH_CHARACTERS) + (f"?{query}" if query else "")
    headers = Headers(raw_headers(environ))
    return PageRequest(environ["REQUEST_METHOD"], target, headers, reclaim(environ, headers))


def live_stream(environ: Environ, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks of a long response to the caller of this request, until the session ends or the token runs out.

    It is looked at before each chunk: an application that is silent for long sends a comment or an empty line now and
    then. Raises TokenRequired, InvalidToken or Unavailable.
    """
    guard = guard_of(environ)
    return until_over_sync(chunks, guard.principal(environ, ()), live=guard.live)


def requires(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Callable[[WSGIApp], WSGIApp]:
    """Decorate a WSGI application: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most that many seconds ago, with `acr` by such means.
    """
    check_step_up(max_age, acr)

    def decorate(app: WSGIApp) -> WSGIApp:
        @functools.wraps(app)
        def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            current_principal(environ, *scopes, max_age=max_age, acr=acr)
            return app(environ, start_response)

        return guarded

    return decorate


def guard_of(environ: Environ) -> RequestGuard:
    """The guard of this request. Raises ConfigurationError if there is none."""
    guard = environ.get(GUARD)
    if not isinstance(guard, RequestGuard):
        raise ConfigurationError("No gate guards this application: wrap it, app = gate.guard_wsgi(app).")
    return guard


def is_cors_preflight(environ: Environ) -> bool:
    """Whether a request is a CORS preflight: a browser's question, which never has a token."""
    asks = "HTTP_ORIGIN" in environ and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    return asks and environ.get("REQUEST_METHOD") == "OPTIONS"


def answer_headers(problem: Problem) -> dict[str, str]:
    """The headers of a problem document, except its length."""
    return {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers}


class _Started:
    """A `start_response` that knows whether it was called, and whether with the cookies of a sign-in."""

    __slots__ = ("_by_link", "_environ", "_start_response", "delivery", "has_started")

    def __init__(self, start_response: StartResponse, environ: Environ, *, by_link: bool) -> None:
        self._start_response = start_response
        self._environ = environ
        self._by_link = by_link
        self.delivery: Delivery | None = None
        self.has_started = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.has_started = True
        if self.delivery is not None:
            self.delivery.see(args[1])
            self.delivery.close()
        if rendered := self._environ.get(RENDERED):
            args = (args[0], cache_headers(args[1], rendered), *args[2:])
        if self._by_link:
            args = (args[0], _private(args[1]), *args[2:])
        return self._start_response(*args, **kwargs)

    def refuse(self, problem: Problem, cors: Cors) -> Iterable[bytes]:
        """Respond with a problem that the application did not handle."""
        body = document(problem)
        status = f"{problem.status} {http.HTTPStatus(problem.status).phrase}"
        headers = [*answer_headers(problem).items(), ("Content-Length", str(len(body)))]
        headers += [(name.title(), value) for name, value in cors]
        if rendered := self._environ.get(RENDERED):
            headers = cache_headers(headers, rendered)
        # PEP 3333 has `exc_info` for headers that replace others. Test clients raise it.
        if self.has_started:
            self._start_response(status, headers, sys.exc_info())
        else:
            self._start_response(status, headers)
        return [body]

    def finish(self) -> None:
        """The application has failed: tell of cookies that were not sent."""
        if self.delivery is not None:
            self.delivery.close()


def _private(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    raw = private_headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])
    return [(name.decode("latin-1").title(), value.decode("latin-1")) for name, value in raw]


def _is_below(path: str, mount: str) -> bool:
    """Whether `path` is `mount` or continues it with a whole segment."""
    return path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/")


def _primed(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Run the first step of a generator: it has done nothing yet, and that step may raise a problem."""
    if not isinstance(chunks, GeneratorType):
        return chunks
    first = next(chunks, None)
    return _Rest(first, chunks)


class _Rest:
    """A generator whose first step has run."""

    def __init__(self, first: bytes | None, chunks: "GeneratorType[bytes, None, None]") -> None:
        self._first = first
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        if self._first is not None:
            yield self._first
            yield from self._chunks

    def close(self) -> None:
        """Close the generator; a server calls this at the end (PEP 3333)."""
        self._chunks.close()
