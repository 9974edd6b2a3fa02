"""Guards each request: takes the refresh cookie out of it, and answers refusals wherever they are raised.

Django turns what a middleware raises into a 500 right around that middleware, by one function for all of them. That
function is wrapped here: a problem becomes its document there, so CORS headers and whatever else lies outside are added
to it as to any response.
"""

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.core.handlers import exception
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from gatepass.access import wsgi
from gatepass.access.delivery import DELIVERY, Delivery
from gatepass.access.rendered import cache_headers
from gatepass.access.wsgi import RequestGuard
from gatepass.errors import Problem
from gatepass.guards.django import caller
from gatepass.guards.django.conf import django_users, gate
from gatepass.guards.django.principal import REFUSED, current_principal, page_principal, problem_response
from gatepass.guards.django.views import CORS, auth, preflight_of


class GatepassMiddleware:
    """Takes the refresh cookie out of each request, answers problems that views raise.

    Sets `request.principal` and `request.page_principal`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._cookies = gate().cookies
        self._guard = RequestGuard(gate().check, gate().wait_until_open)
        _answer_refusals()
        if is_async := iscoroutinefunction(get_response):
            markcoroutinefunction(self)
        self._users = django_users()
        if self._users is not None:
            # After the request phase of all: AuthenticationMiddleware sets `request.user` in it. Of the kind of the
            # chain, since Django calls the other kind on another thread.
            self.process_view = self._process_view_async if is_async else self._process_view

    def __call__(self, request: HttpRequest) -> Any:
        """Sync or async, as what is behind it."""
        self._prepare(request)
        rest = preflight_of(request) if wsgi.is_cors_preflight(request.META) else None
        if iscoroutinefunction(self):
            return self._respond_async(request) if rest is None else auth(request, rest)
        if rest is not None:
            return async_to_sync(auth)(request, rest)
        return _finished(request, self._get_response(request))

    async def _respond_async(self, request: HttpRequest) -> HttpResponseBase:
        return _finished(request, await self._get_response(request))

    def _prepare(self, request: HttpRequest) -> None:
        if wsgi.prepare_environ(request.META, self._guard, self._cookies):
            for name in ("COOKIES", "headers"):  # where another middleware has looked before
                request.__dict__.pop(name, None)
            if hasattr(request, "scope"):
                kept, _ = self._cookies.withhold(request.scope["headers"])
                request.scope = {**request.scope, "headers": kept}
        request.principal = SimpleLazyObject(functools.partial(current_principal, request))
        request.page_principal = SimpleLazyObject(functools.partial(page_principal, request))
        if self._users is not None:
            caller.set_user(request, self._users)

    def _process_view(self, request: HttpRequest, *_: Any) -> None:
        if self._users is not None:
            caller.set_user(request, self._users)

    async def _process_view_async(self, request: HttpRequest, *_: Any) -> None:
        self._process_view(request)


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response as it is sent; tells of the cookies of a sign-in if it has them not."""
    response = _restored(request, response)
    if rendered := request.META.get(wsgi.RENDERED):
        fit = cache_headers(response.items(), rendered)
        for name in [name for name, _ in response.items()]:
            del response[name]
        for name, value in fit:
            response[name] = value
    delivery = request.META.get(DELIVERY)
    if isinstance(delivery, Delivery):
        delivery.see(("set-cookie", cookie.OutputString()) for cookie in response.cookies.values())
        delivery.close()
    return response


def _restored(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response of what is behind the guard, without what may be wrong in it.

    CorsMiddleware writes the application's CORS headers over those of the endpoints ("*", which no browser takes with
    cookies), and a framework may have made a 500 of a refusal (django-ninja with DEBUG).
    """
    for name, value in request.META.get(CORS, {}).items():
        response[name] = value
    refusal = request.META.get(REFUSED)
    if getattr(response, "status_code", None) != 500 or not isinstance(refusal, Problem):
        return response
    replaced = problem_response(refusal)
    for name, value in response.items():
        if name.lower().startswith("access-control-"):
            replaced[name] = value
    return replaced


def _answer_refusals() -> None:
    """Let Django answer a problem that a middleware or a view raises with its document. Idempotent."""
    inner = exception.response_for_exception
    if getattr(inner, "answers_refusals", False):
        return

    @functools.wraps(inner)
    def response_for_exception(request: HttpRequest, fault: Exception) -> HttpResponseBase:
        return problem_response(fault) if isinstance(fault, Problem) else inner(request, fault)

    response_for_exception.answers_refusals = True  # type: ignore[attr-defined]
    exception.response_for_exception = response_for_exception
