"""Guards each request: takes the refresh cookie out of it, and answers the problems that views raise."""

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from gatepass.access import wsgi
from gatepass.access.wsgi import RequestGuard
from gatepass.errors import Problem
from gatepass.guards.django.conf import gate
from gatepass.guards.django.principal import current_principal, problem_response


class GatepassMiddleware:
    """Takes the refresh cookie out of each request, sets `request.principal`, answers problems that views raise."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._cookies = gate().cookies
        self._guard = RequestGuard(gate().check, gate().wait_until_open)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Sync or async, as what is behind it: nothing is awaited or read here."""
        if wsgi.prepare_environ(request.META, self._guard, self._cookies):
            for name in ("COOKIES", "headers"):  # where another middleware has looked before
                request.__dict__.pop(name, None)
            if hasattr(request, "scope"):
                kept, _ = self._cookies.withhold(request.scope["headers"])
                request.scope = {**request.scope, "headers": kept}
        request.principal = SimpleLazyObject(functools.partial(current_principal, request))
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        """A problem as its document; everything else is Django's."""
        return problem_response(fault) if isinstance(fault, Problem) else None
