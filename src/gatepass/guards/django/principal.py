"""Who calls a Django view: `current_principal`, `optional_principal`, `requires`, and a mixin for class-based views."""

import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, overload

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from gatepass.access import wsgi
from gatepass.access.check import check_max_age
from gatepass.access.live_stream import Chunk, until_over, until_over_sync
from gatepass.access.wsgi import RequestGuard, answer_headers
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, Problem
from gatepass.wire.problems import document
from gatepass.wire.wsgi import authorizations

MIDDLEWARE = "gatepass.guards.django.middleware.GatepassMiddleware"
REFUSED = "gatepass.refused"
"""The key of the last refusal in a request's META."""
View = Callable[..., Any]


def current_principal(request: HttpRequest, *scopes: str, max_age: int | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in at most `max_age` seconds ago.

    Raises a Problem that the middleware answers.
    """
    try:
        return _guard(request).principal(request.META, scopes, max_age)
    except Problem as refusal:
        request.META[REFUSED] = refusal
        raise


def optional_principal(request: HttpRequest) -> Principal | None:
    """The caller, or None where no token came. Raises InvalidToken for an invalid token."""
    try:
        return _guard(request).optional(request.META)
    except Problem as refusal:
        request.META[REFUSED] = refusal
        raise


@overload
def live_stream(request: HttpRequest, chunks: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]: ...
@overload
def live_stream(request: HttpRequest, chunks: Iterable[Chunk]) -> Iterator[Chunk]: ...
def live_stream(request: HttpRequest, chunks: Any) -> Any:
    """The chunks of a StreamingHttpResponse to the caller, until the session ends or the token runs out.

    Those of an async iterator end at once; a plain one is looked at before each chunk. Raises a Problem that the
    middleware answers.
    """
    principal, live = current_principal(request), _guard(request).live
    if isinstance(chunks, AsyncIterable):
        return until_over(chunks, principal, live=live)
    return until_over_sync(chunks, principal, live=live)


def link_principal(request: HttpRequest, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    `by_link` of the principal says which. Raises a Problem that the middleware answers.
    """
    try:
        return _guard(request).linked(request.META, scopes)
    except Problem as refusal:
        request.META[REFUSED] = refusal
        raise


def is_for_us(request: HttpRequest) -> bool:
    """Whether the bearer token of the request is by the issuer of the gate. It proves nothing."""
    return _guard(request).check.is_for_us(authorizations(request.META))


def require_recent(request: HttpRequest, principal: Principal, *, max_age: int) -> Principal:
    """The principal if it signed in at most `max_age` seconds ago. Raises InsufficientUserAuthentication."""
    return _guard(request).check.require(principal, max_age=max_age)


def requires(*scopes: str, max_age: int | None = None) -> Callable[[View], View]:
    """Decorate a view, sync or async: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most that many seconds ago. The view is exempt from Django's CSRF
    check: what opens it is a header that no page of another origin can send, and never a cookie.
    """
    check_max_age(max_age)

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = _refusal(request, scopes, max_age)
                return await view(request, *args, **kwargs) if refusal is None else refusal

            exempt_async: View = csrf_exempt(guarded_async)
            return exempt_async

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, scopes, max_age)
            return view(request, *args, **kwargs) if refusal is None else refusal

        exempt: View = csrf_exempt(guarded)
        return exempt

    return decorate


class RequiresMixin:
    """For class-based views: `class Notes(RequiresMixin, View): required_scopes = ("notes:read",)`.

    Exempt from Django's CSRF check, as with `requires`.
    """

    required_scopes: tuple[str, ...] = ()
    required_max_age: int | None = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view for a URL."""
        return csrf_exempt(super().as_view(**initkwargs))  # type: ignore[misc]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse, or go on to the view's own."""
        refusal = _refusal(request, self.required_scopes, self.required_max_age)
        if refusal is None:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return _soon(refusal) if getattr(self, "view_is_async", False) else refusal


def problem_response(problem: Problem) -> HttpResponse:
    """A problem as its document."""
    body = document(problem)
    return HttpResponse(body, status=problem.status, headers={**answer_headers(problem), "Content-Length": len(body)})


def _guard(request: HttpRequest) -> RequestGuard:
    found = request.META.get(wsgi.GUARD)
    if not isinstance(found, RequestGuard):
        raise ConfigurationError(f"No gate guards this project: add {MIDDLEWARE!r} to MIDDLEWARE.")
    return found


def _refusal(request: HttpRequest, scopes: tuple[str, ...], max_age: int | None) -> HttpResponse | None:
    try:
        current_principal(request, *scopes, max_age=max_age)
    except Problem as problem:
        return problem_response(problem)
    return None


async def _soon(response: HttpResponse) -> HttpResponse:
    return response
