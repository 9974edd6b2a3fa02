"""Who calls a Django view: `current_principal`, `optional_principal`, `requires`, and a mixin for class-based views."""

import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, overload

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from gatepass.access import wsgi
from gatepass.access.check import check_step_up
from gatepass.access.live_stream import Chunk, until_over, until_over_sync
from gatepass.access.pages import PageRequest
from gatepass.access.rendered import Rendered
from gatepass.access.wsgi import RequestGuard, answer_headers
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError, PageElsewhere, Problem
from gatepass.wire.asgi import reclaim
from gatepass.wire.headers import Headers
from gatepass.wire.problems import document
from gatepass.wire.wsgi import authorizations, raw_headers

MIDDLEWARE = "gatepass.guards.django.middleware.GatepassMiddleware"
REFUSED = "gatepass.refused"
"""The key of the last refusal in a request's META."""
PERSON = "gatepass.person"
"""The key of the person of a page, once the view has asked."""
SET_USER = "gatepass.set_user"
"""The key of what sets `request.user` anew."""
View = Callable[..., Any]
Find = Callable[..., Principal]


def current_principal(
    request: HttpRequest, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises a Problem that the middleware answers.
    """
    try:
        return _guard(request).principal(request.META, scopes, max_age, acr)
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


def page_principal(request: HttpRequest, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The person for whom a page is rendered, by the page cookie, for GET and HEAD (PROTOCOL §10).

    Raises a Problem that the middleware answers: a 303 where the session must be resumed, or a sign-in comes first.
    """
    asked = _page(request, "for-a-person")
    try:
        found = _guard(request).pages.principal(asked, scopes, max_age=max_age, acr=acr)
    except Problem as refusal:
        request.META[REFUSED] = refusal
        raise
    return _opened(request, found)


def optional_page_principal(request: HttpRequest) -> Principal | None:
    """The person, or None for one who is signed out. Raises a Problem as `page_principal`."""
    asked = _page(request, "for-anyone")
    try:
        found = _guard(request).pages.optional(asked)
    except Problem as refusal:
        request.META[REFUSED] = refusal
        raise
    if found is None:
        return None
    request.META[wsgi.RENDERED] = "for-a-person"
    return _opened(request, found)


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


def require_step_up(request: HttpRequest, principal: Principal, *, max_age: int | None, acr: str | None) -> Principal:
    """The principal if it signed in within `max_age` seconds, reaching `acr`. Raises InsufficientUserAuthentication."""
    return _guard(request).check.require(principal, max_age=max_age, acr=acr)


def requires(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Callable[[View], View]:
    """Decorate a view, sync or async: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most that many seconds ago. The view is exempt from Django's CSRF
    check: what opens it is a header that no page of another origin can send, and never a cookie.
    """
    check_step_up(max_age, acr)

    def decorate(view: View) -> View:
        exempt: View = csrf_exempt(_guarded(view, current_principal, scopes, max_age, acr))
        return exempt

    return decorate


def requires_page(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Callable[[View], View]:
    """The same for a page that is rendered for a person, by `page_principal`. It keeps Django's CSRF check."""
    check_step_up(max_age, acr)
    return lambda view: _guarded(view, page_principal, scopes, max_age, acr)


def _guarded(view: View, find: Find, scopes: tuple[str, ...], max_age: int | None, acr: str | None) -> View:
    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, find, scopes, max_age, acr)
            return await view(request, *args, **kwargs) if refusal is None else refusal

        return guarded_async

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = _refusal(request, find, scopes, max_age, acr)
        return view(request, *args, **kwargs) if refusal is None else refusal

    return guarded


class _Requires:
    """What the two mixins share."""

    required_scopes: tuple[str, ...] = ()
    required_max_age: int | None = None
    required_acr: str | None = None
    _find: Find

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse, or go on to the view's own."""
        refusal = _refusal(request, self._find, self.required_scopes, self.required_max_age, self.required_acr)
        if refusal is None:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return _soon(refusal) if getattr(self, "view_is_async", False) else refusal


class RequiresMixin(_Requires):
    """For class-based views: `class Notes(RequiresMixin, View): required_scopes = ("notes:read",)`.

    Exempt from Django's CSRF check, as with `requires`.
    """

    _find = staticmethod(current_principal)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view for a URL."""
        return csrf_exempt(super().as_view(**initkwargs))  # type: ignore[misc]


class RequiresPageMixin(_Requires):
    """The same for pages that are rendered for a person: `class Board(RequiresPageMixin, TemplateView): ...`."""

    _find = staticmethod(page_principal)


class _Elsewhere(HttpResponse):
    """A redirect that has a document. Django's test client and `assertRedirects` read `url`."""

    @property
    def url(self) -> str:
        return str(self.headers["Location"])


def problem_response(problem: Problem) -> HttpResponse:
    """A problem as its document."""
    body = document(problem)
    kind = _Elsewhere if isinstance(problem, PageElsewhere) else HttpResponse
    return kind(body, status=problem.status, headers={**answer_headers(problem), "Content-Length": len(body)})


def _guard(request: HttpRequest) -> RequestGuard:
    found = request.META.get(wsgi.GUARD)
    if not isinstance(found, RequestGuard):
        raise ConfigurationError(f"No gate guards this project: add {MIDDLEWARE!r} to MIDDLEWARE.")
    return found


def _page(request: HttpRequest, rendered: Rendered) -> PageRequest:
    """The request as its browser sent it. From now on its response is kept by no cache that others share.

    Django's own caches are asked before the view, by the cookies that it has looked at: they keep nothing here.
    """
    request._cache_update_cache = False  # read by UpdateCacheMiddleware and cache_page
    request.META[wsgi.RENDERED] = rendered
    headers = Headers(raw_headers(request.META))
    return PageRequest(request.method or "", request.get_full_path(), headers, reclaim(request.META, headers))


def _opened(request: HttpRequest, person: Principal) -> Principal:
    """The person, who is `request.user` too from now on, where Django's users are the accounts."""
    request.META[PERSON] = person
    if set_user := request.META.get(SET_USER):
        set_user()
    return person


def _refusal(
    request: HttpRequest, find: Find, scopes: tuple[str, ...], max_age: int | None, acr: str | None
) -> HttpResponse | None:
    try:
        find(request, *scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        return problem_response(problem)
    return None


async def _soon(response: HttpResponse) -> HttpResponse:
    return response
