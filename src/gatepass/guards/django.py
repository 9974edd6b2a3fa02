"""The guard for Django, under WSGI and ASGI.

    INSTALLED_APPS = [..., "gatepass.guards.django.GatepassConfig"]           # system checks
    MIDDLEWARE = ["gatepass.guards.django.GatepassMiddleware", ...]           # before whatever reads cookies
    GATEPASS = {"SECRETS": [...], "PUBLIC_URL": "https://example.com"}        # or "my.module.gate"; else GATEPASS_*

    urlpatterns = [path("auth/", include("gatepass.guards.django"))]

`request.principal` is `current_principal(request)`, asked when it is first used: no cost before, never the database,
and without a valid token the answer is a 401. Django starts no lifespan, so the gate opens at the first need.
"""

import asyncio
import functools
from collections.abc import Callable
from http.cookies import Morsel
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import re_path
from django.utils.functional import SimpleLazyObject

from gatepass.access import wsgi
from gatepass.access.check import check_max_age
from gatepass.access.wsgi import RequestGuard, answer_headers, gate_from
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, Problem
from gatepass.wire.asgi import WITHHELD
from gatepass.wire.problems import document

MIDDLEWARE = "gatepass.guards.django.GatepassMiddleware"
_READS_COOKIES = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.locale.LocaleMiddleware",
)
View = Callable[..., Any]


@functools.cache
def gate() -> Any:
    """The gate of this project: the setting GATEPASS, or GATEPASS_* of the environment. Raises ConfigurationError."""
    return gate_from(getattr(settings, "GATEPASS", None))


def current_principal(request: HttpRequest, *scopes: str, max_age: int | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in at most `max_age` seconds ago.

    Raises a Problem that the middleware answers.
    """
    return _door(request).principal(request.META, scopes, max_age)


def optional_principal(request: HttpRequest) -> Principal | None:
    """The caller, or None where no token came. Raises InvalidToken for a token that does not hold."""
    return _door(request).optional(request.META)


class GatepassMiddleware:
    """Takes the refresh cookie out of each request, lends it `principal`, answers problems that views raise."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._cookies = gate().cookies
        self._door = RequestGuard(gate().check, gate().wait_until_open)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Sync or async, as what is behind it: nothing is awaited or read here."""
        if wsgi.guard(request.META, self._door, self._cookies):
            for name in ("COOKIES", "headers"):  # where another middleware has looked before
                request.__dict__.pop(name, None)
            if hasattr(request, "scope"):
                kept, _ = self._cookies.withhold(request.scope["headers"])
                request.scope = {**request.scope, "headers": kept}
        request.principal = SimpleLazyObject(functools.partial(current_principal, request))
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        """A problem as its document; everything else is Django's."""
        return answer(fault) if isinstance(fault, Problem) else None


def requires(*scopes: str, max_age: int | None = None) -> Callable[[View], View]:
    """Decorate a view, sync or async: it runs only for a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most so many seconds ago.
    """
    check_max_age(max_age)

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = _refusal(request, scopes, max_age)
                return await view(request, *args, **kwargs) if refusal is None else refusal

            return guarded_async

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, scopes, max_age)
            return view(request, *args, **kwargs) if refusal is None else refusal

        return guarded

    return decorate


class RequiresMixin:
    """For class-based views: `class Notes(RequiresMixin, View): required_scopes = ("notes:read",)`."""

    required_scopes: tuple[str, ...] = ()
    required_max_age: int | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse, or go on to the view's own."""
        refusal = _refusal(request, self.required_scopes, self.required_max_age)
        if refusal is None:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return _soon(refusal) if getattr(self, "view_is_async", False) else refusal


def answer(problem: Problem) -> HttpResponse:
    """A problem as its document."""
    body = document(problem)
    return HttpResponse(body, status=problem.status, headers={**answer_headers(problem), "Content-Length": len(body)})


async def auth(request: HttpRequest, rest: str) -> HttpResponseBase:
    """The auth endpoints below the place where they are included."""
    scope, body = _asked(request, rest)
    found = await asyncio.wrap_future(gate().wsgi.ask(scope, body))
    response: HttpResponseBase
    if found.is_stream:
        response = StreamingHttpResponse(found.chunks, status=found.status)
    else:
        response = HttpResponse(b"".join(found.chunks), status=found.status)
    del response["Content-Type"]
    for place, (name, value) in enumerate(found.texts()):
        if name == "Set-Cookie":
            dict.__setitem__(response.cookies, f"gatepass-{place}", _SetCookie(value))
        else:
            response[name] = value
    return response


auth.csrf_exempt = True  # type: ignore[attr-defined] # the endpoints check origins themselves (PROTOCOL §6)
urlpatterns = [re_path(r"^(?P<rest>.*)\Z", auth)]


class GatepassConfig(AppConfig):
    """For INSTALLED_APPS: adds the system checks. There are no models."""

    name = "gatepass.guards.django"
    label = "gatepass"
    verbose_name = "Gatepass"

    def ready(self) -> None:
        """Called by Django when all applications are loaded."""
        checks.register(check_settings, checks.Tags.security)


def check_settings(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """E001 secret, E002 another setting, E003 no middleware; W001 cookies without Secure, W002 order."""
    found: list[checks.CheckMessage] = []
    try:
        made = gate()
    except ConfigurationError as faults:
        for line in str(faults).splitlines():
            number = "E001" if "secret" in line.lower() else "E002"
            found.append(checks.Error(line, id=f"gatepass.{number}", hint="Setting GATEPASS, or GATEPASS_*."))
    else:
        if not settings.DEBUG and not made.cookies.secure:
            message = "PUBLIC_URL is http, so the cookies of a session travel without Secure, and DEBUG is off."
            found.append(checks.Warning(message, id="gatepass.W001", hint="Use an https PUBLIC_URL."))
    order = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in order:
        found.append(checks.Error("No gate guards this project.", id="gatepass.E003", hint=f"Add {MIDDLEWARE!r}."))
    elif early := [name for name in order[: order.index(MIDDLEWARE)] if name in _READS_COOKIES]:
        message = f"These see the refresh cookie: {', '.join(early)}."
        found.append(checks.Warning(message, id="gatepass.W002", hint=f"Put {MIDDLEWARE!r} first."))
    return found


class _SetCookie(Morsel[str]):
    """A Set-Cookie value as it is: Django would make one of two that differ in their path."""

    def __init__(self, text: str) -> None:
        super().__init__()
        name, _, value = text.partition(";")[0].partition("=")
        self.set(name, value, value)
        self._text = text

    def output(self, attrs: Any = None, header: str = "Set-Cookie:") -> str:
        """The whole header, or the value alone."""
        return f"{header} {self._text}".lstrip()

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 (the base's name)
        """The value."""
        return self._text


def _asked(request: HttpRequest, rest: str) -> tuple[Any, bytes]:
    """An ASGI scope for the endpoints, of a request that came by either way."""
    endpoints = gate().wsgi
    mount = request.path[: len(request.path) - len(rest)].rstrip("/")
    scope = {**endpoints.scope_of(request.META), "path": f"{mount}/{rest}", "root_path": mount}
    if WITHHELD in request.META:
        scope[WITHHELD] = request.META[WITHHELD]
    return scope, request.body


def _door(request: HttpRequest) -> RequestGuard:
    door = request.META.get(wsgi.GUARD)
    if not isinstance(door, RequestGuard):
        raise ConfigurationError(f"No gate guards this project: add {MIDDLEWARE!r} to MIDDLEWARE.")
    return door


def _refusal(request: HttpRequest, scopes: tuple[str, ...], max_age: int | None) -> HttpResponse | None:
    try:
        current_principal(request, *scopes, max_age=max_age)
    except Problem as problem:
        return answer(problem)
    return None


async def _soon(response: HttpResponse) -> HttpResponse:
    return response


def _forget_gate(*, setting: str, **_: Any) -> None:
    if setting == "GATEPASS":  # override_settings in an application's tests
        gate.cache_clear()


setting_changed.connect(_forget_gate)
