"""The application of `apps.py` as a Django project. Django is configured once per process; the gate changes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings

from tools.services.at_end import at_end

if not settings.configured:
    FOLDER = tempfile.mkdtemp(prefix="gatepass-django-")
    at_end(shutil.rmtree, FOLDER, ignore_errors=True)
    settings.configure(
        DEBUG=False,
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.admin",
            "tests.guards.django_people",
            "gatepass.guards.django",
            "rest_framework",
            "corsheaders",
        ],
        AUTH_USER_MODEL="django_people.Person",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/people.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        SILENCED_SYSTEM_CHECKS=["admin.E408", "admin.E409", "admin.E410"],  # the middleware of test_django_users.py
        MIDDLEWARE=[
            "gatepass.guards.django.middleware.GatepassMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["gatepass.guards.django.rest_framework.GatepassAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
        },
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()

from django.http import HttpRequest, JsonResponse
from django.test.utils import override_settings
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from gatepass.core.principal import Principal
from gatepass.gate import Gatepass
from gatepass.guards.django import (
    current_principal,
    link_principal,
    optional_page_principal,
    optional_principal,
    page_principal,
    requires,
    requires_page,
)
from gatepass.guards.django import rest_framework as rest
from gatepass.wire.wsgi import raw_headers

RECENT = 300
"""Seconds."""


def use(gate: Gatepass) -> None:
    """From now on this process' project is guarded by another gate."""
    override_settings(GATEPASS=gate).enable()


@contextmanager
def used(gate: Gatepass) -> Iterator[Gatepass]:
    """The project is guarded by this gate, which runs nothing any more after the block."""
    use(gate)
    yield gate
    gate.background.stop()


def what_is_seen(request: HttpRequest) -> dict[str, Any]:
    own = {b"content-length", b"content-type"} if not request.META.get("CONTENT_LENGTH") else set()
    pairs = [(name, value) for name, value in raw_headers(request.META) if name not in own]
    return {
        "cookies": dict(request.COOKIES),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in pairs],
    }


@requires()
def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": request.principal.account_id, "session": request.principal.session_id})


@requires()
async def me_async(request: HttpRequest) -> JsonResponse:
    caller = current_principal(request)
    return JsonResponse({"account": caller.account_id, "session": caller.session_id})


def maybe(request: HttpRequest) -> JsonResponse:
    found = optional_principal(request)
    return JsonResponse({"account": found.account_id if found else None})


@requires("notes:read")
def notes(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": current_principal(request).account_id})


@requires("notes:read", acr="mfa")
def safe(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": current_principal(request).account_id})


@requires("notes:read", acr="mfa")
async def safe_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": current_principal(request).account_id})


@requires("notes:read", max_age=RECENT)
def vault(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": current_principal(request).account_id})


@requires("notes:read", max_age=RECENT)
async def vault_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": current_principal(request).account_id})


@csrf_exempt
def page(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": request.page_principal.account_id})


@requires_page("notes:read")
def page_notes(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": page_principal(request).account_id})


@requires_page("notes:read")
async def page_notes_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"account": page_principal(request).account_id})


@csrf_exempt
def page_or_not(request: HttpRequest) -> JsonResponse:
    found = optional_page_principal(request)
    return JsonResponse({"account": found.account_id if found else None})


def linked(caller: Principal, request: HttpRequest) -> dict[str, Any]:
    facts = {"account": caller.account_id, "session": caller.session_id, "by_link": caller.by_link}
    return {**facts, "query": request.GET.urlencode()}


@csrf_exempt
def file(request: HttpRequest) -> JsonResponse:
    return JsonResponse(linked(link_principal(request), request))


def secret(request: HttpRequest) -> JsonResponse:
    return JsonResponse(linked(link_principal(request, "notes:read"), request))


def seen(request: HttpRequest) -> JsonResponse:
    return JsonResponse(what_is_seen(request))


@api_view(["GET"])
@permission_classes([rest.Requires])
def rest_me(request: Request) -> Response:
    return Response({"account": request.user.pk, "session": request.auth.session_id})


@api_view(["GET"])
def rest_maybe(request: Request) -> Response:
    return Response({"account": request.user.pk if request.user else None})


@api_view(["GET"])
@permission_classes([rest.requires("notes:read")])
def rest_notes(request: Request) -> Response:
    return Response({"account": rest.current_principal(request).account_id})


@api_view(["GET"])
@permission_classes([rest.requires("notes:read", acr="mfa")])
def rest_safe(request: Request) -> Response:
    return Response({"account": rest.current_principal(request).account_id})


@api_view(["GET"])
@permission_classes([rest.requires("notes:read", max_age=RECENT)])
def rest_vault(request: Request) -> Response:
    return Response({"account": rest.current_principal(request).account_id})


@api_view(["GET", "HEAD", "POST"])
def rest_file(request: Request) -> Response:
    return Response(linked(link_principal(request._request), request._request))


@api_view(["GET"])
def rest_secret(request: Request) -> Response:
    return Response(linked(link_principal(request._request, "notes:read"), request._request))


@api_view(["GET"])
def rest_seen(request: Request) -> Response:
    return Response(what_is_seen(request._request))


plain = [path("me", me), path("vault", vault), path("maybe", maybe), path("notes", notes), path("seen", seen)]
plain += [path("page", page), path("page-or-not", page_or_not), path("page-notes", page_notes)]
asynchronous = [path("me", me_async), path("vault", vault_async), *plain[2:-1], path("page-notes", page_notes_async)]
plain += [path("file", file), path("secret", secret)]
asynchronous = [path("me", me_async), path("vault", vault_async), *plain[2:], path("safe", safe_async)]
plain += [path("safe", safe)]
rested = [path("me", rest_me), path("maybe", rest_maybe), path("notes", rest_notes), path("seen", rest_seen)]
rested += [path("vault", rest_vault), path("safe", rest_safe), path("file", rest_file), path("secret", rest_secret)]
urlpatterns = [
    path("", include(plain)),
    path("async/", include(asynchronous)),
    path("rest/", include(rested)),
    path("", include("tests.guards.django_sign_in")),
    path("auth/", include("gatepass.guards.django.urls")),
]
