"""System checks: `manage.py check` reports a gate that is missing, misconfigured or in the wrong place."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.guards.django.conf import gate
from gatepass.guards.django.principal import MIDDLEWARE
from gatepass.wire.origin import CORS_EXPOSED, CORS_HEADERS

_READS_COOKIES = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.locale.LocaleMiddleware",
)
CORS = "corsheaders.middleware.CorsMiddleware"


class GatepassConfig(AppConfig):
    """For INSTALLED_APPS: adds the system checks. There are no models."""

    name = "gatepass.guards.django"
    label = "gatepass"
    verbose_name = "Gatepass"

    def ready(self) -> None:
        """Called by Django when all applications are loaded."""
        checks.register(check_settings, checks.Tags.security)


def check_settings(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """E001 secret, E002 another setting, E003 no middleware; W001 cookies without Secure, W002 order, W003 CORS."""
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
        found.extend(_check_cors(made))
    order = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in order:
        found.append(checks.Error("No gate guards this project.", id="gatepass.E003", hint=f"Add {MIDDLEWARE!r}."))
    elif early := [name for name in order[: order.index(MIDDLEWARE)] if name in _READS_COOKIES]:
        message = f"These see the refresh cookie: {', '.join(early)}."
        found.append(checks.Warning(message, id="gatepass.W002", hint=f"Put {MIDDLEWARE!r} first."))
    return found


def _check_cors(gate: Gatepass) -> list[checks.CheckMessage]:
    """Where django-cors-headers answers for the auth endpoints too, it must allow what the browser client needs."""
    order = list(settings.MIDDLEWARE)
    if CORS not in order or not gate.origins.foreign or (MIDDLEWARE in order and order.index(MIDDLEWARE) == 0):
        return []
    exposed = _lacking("CORS_EXPOSE_HEADERS", CORS_EXPOSED)  # an empty list leaves the header of the endpoints alone
    if (
        not _lacking("CORS_ALLOW_HEADERS", CORS_HEADERS)
        and getattr(settings, "CORS_ALLOW_CREDENTIALS", False)
        and (not exposed or not getattr(settings, "CORS_EXPOSE_HEADERS", ()))
    ):
        return []
    message = "CorsMiddleware stands before the guard and keeps from pages of other origins what the endpoints need."
    lists = (
        f"set CORS_ALLOW_CREDENTIALS = True, let CORS_ALLOW_HEADERS have {', '.join(CORS_HEADERS)}, "
        f"and CORS_EXPOSE_HEADERS {', '.join(CORS_EXPOSED)}"
    )
    hint = f"Put {MIDDLEWARE!r} first, or {lists}."
    return [checks.Warning(message, id="gatepass.W003", hint=hint)]


def _lacking(setting: str, needed: Iterable[str]) -> set[str]:
    """The names, of those that are needed, that a list of the settings does not have."""
    return {name.lower() for name in needed} - {str(name).lower() for name in getattr(settings, setting, ())}
