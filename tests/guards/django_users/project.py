"""The project of these tests: views that ask for the user in each way, and what a person does."""

from typing import Any

from tests.guards import django_project  # noqa: F401 (configures Django: before all that needs it)

# isort: split
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.urls import include, path
from ninja import NinjaAPI
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from gatepass.guards.django import current_principal, requires
from gatepass.guards.django.conf import gate as project_gate
from gatepass.guards.django.sign_in import asign_in, sign_in

PASSWORD = "the password of old"
PAGE = {"Gatepass-Client": "1"}
HASHERS = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("MD5", "PBKDF2")]
MIDDLEWARE = [
    "gatepass.guards.django.middleware.GatepassMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def who(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"who": request.user.get_username()})


async def who_async(request: HttpRequest) -> JsonResponse:
    found = await request.auser()
    return JsonResponse({"who": found.get_username(), "same": request.user.get_username()})


@requires()
def by_token_alone(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.principal.account_id)


@requires()
@permission_required("django_people.view_person", raise_exception=True)
def permitted(request: HttpRequest) -> HttpResponse:
    return HttpResponse("permitted")


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def rest_who(request: Request) -> Response:
    return Response({"who": request.user.get_username(), "account": request.auth.account_id})


def assertion(request: HttpRequest) -> HttpResponse:
    signed_in = project_gate().sync.sign_in(request, request.GET["id"], methods=("fed",))
    return signed_in.onto(JsonResponse(signed_in.grant))


api = NinjaAPI(auth=current_principal, urls_namespace="people")


@api.get("/who")
def ninja_who(request: HttpRequest) -> str:
    name: str = request.user.get_username()
    return name


@api.get("/who-async")
async def ninja_who_async(request: HttpRequest) -> str:
    name: str = (await request.auser()).get_username()
    return name


def by_django(request: HttpRequest) -> HttpResponse:
    signed_in = sign_in(request, request.GET["id"], methods=("fed",))
    return signed_in.onto(JsonResponse(signed_in.grant))


async def by_django_async(request: HttpRequest) -> HttpResponse:
    signed_in = await asign_in(request, request.GET["id"], methods=("fed",))
    return signed_in.onto(JsonResponse(signed_in.grant))


urlpatterns = [
    path("who", who),
    path("who-async", who_async),
    path("login-required", login_required(who)),
    path("permitted", permitted),
    path("token", by_token_alone),
    path("rest", rest_who),
    path("assertion", assertion),
    path("ninja/", api.urls),
    path("by-django", by_django),
    path("by-django-async", by_django_async),
    path("admin/who", who),
    path("auth/", include("gatepass.guards.django.urls")),
]


def login(password: str = PASSWORD, *, email: str = "ann@example.com", client: Client | None = None) -> Any:
    body = {"email": email, "password": password}
    asked = client or Client(enforce_csrf_checks=True)
    return asked.post("/auth/login", body, content_type="application/json", headers=PAGE, secure=True)


def bearer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.content
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def still_in(token: dict[str, str]) -> bool:
    answered: int = Client().get("/token", headers=token).status_code
    return answered == 200
