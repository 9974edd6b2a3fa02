"""A page that Django renders: `request.user` is its person, in the template too, and no cache of Django's keeps it."""

from typing import Any

import pytest

from tests.guards.django_users.project import login  # configures Django

# isort: split
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import AsyncClient, Client, SimpleTestCase, override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.generic import TemplateView

from gatepass import Pages
from gatepass.gate import Gatepass
from gatepass.guards.django import RequiresPageMixin, optional_page_principal, requires_page
from gatepass.guards.django.users import DjangoUsers
from gatepass.testing import memory_gate
from tests.guards.django_users import project

PAGE = "__Host-Http-gatepass_page"
NAVIGATION = {"sec-fetch-mode": "navigate"}
WHOM = "{{ user.address }} {{ request.page_principal.account_id }}"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
WITH_CACHE = [
    project.MIDDLEWARE[0],
    "django.middleware.cache.UpdateCacheMiddleware",
    *project.MIDDLEWARE[1:],
    "django.middleware.cache.FetchFromCacheMiddleware",
]


def render(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(WHOM).render({}, request))


@requires_page()
def board(request: HttpRequest) -> HttpResponse:
    assert not isinstance(request.user, AnonymousUser)
    return render(request)


@requires_page()
async def board_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse((await request.auser()).address)


@cache_page(60)
def cached(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.page_principal.account_id)


@cache_page(60)
def cached_for_everybody(request: HttpRequest) -> HttpResponse:
    found = optional_page_principal(request)
    return HttpResponse(found.account_id if found else "nobody")


class Board(RequiresPageMixin, TemplateView):
    def get(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        return render(request)


urlpatterns = [
    path("board", board),
    path("board-class", Board.as_view()),
    path("board-async", board_async),
    path("cached", cached),
    path("cached-for-everybody", cached_for_everybody),
    *project.urlpatterns,
]


@pytest.fixture(autouse=True)
def gate(tables: None) -> Any:
    made = memory_gate(users=DjangoUsers(), pages=Pages(sign_in_page="/sign-in"))
    options = {"ROOT_URLCONF": __name__, "MIDDLEWARE": project.MIDDLEWARE, "PASSWORD_HASHERS": project.HASHERS}
    with override_settings(GATEPASS=made, CACHES=CACHES, **options):
        yield made
        cache.clear()
        get_user_model().objects.all().delete()
    made.background.stop()


def browser(email: str = "ann@example.com") -> Client:
    """A client with the page cookie of a person, and without an access token."""
    client = Client(headers=NAVIGATION)
    client.cookies[PAGE] = login(email=email).cookies[PAGE].value
    return client


@pytest.mark.parametrize("where", ["/board", "/board-class"])
def test_the_template_sees_the_person(gate: Gatepass, ann: Any, where: str) -> None:
    answer = browser().get(where)
    assert answer.content.decode() == f"ann@example.com {ann.pk}"
    assert (answer["Cache-Control"], answer["Vary"]) == ("private, no-store", "Cookie")
    assert Client(headers=NAVIGATION).get(where)["Location"] == f"/sign-in?next={where}"
    assert Client().get(where).status_code == 401
    assert browser().post(where).status_code == 403


@pytest.mark.parametrize("where", ["/board", "/board-class"])
def test_the_tests_of_a_project_follow_where_a_person_is_sent(gate: Gatepass, where: str) -> None:
    client = Client(headers=NAVIGATION)
    SimpleTestCase().assertRedirects(client.get(where), f"/sign-in?next={where}", 303, 404)
    assert client.get(where, follow=True).redirect_chain == [(f"/sign-in?next={where}", 303)]


async def test_an_async_view_does_too(gate: Gatepass, ann: Any) -> None:
    token = (await sync_to_async(login)()).cookies[PAGE].value
    client = AsyncClient()
    client.cookies[PAGE] = token
    assert (await client.get("/board-async")).content == b"ann@example.com"


def test_elsewhere_the_page_cookie_makes_nobody_a_user(gate: Gatepass, ann: Any) -> None:
    assert browser().get("/who").json() == {"who": ""}


@pytest.mark.parametrize("middleware", [project.MIDDLEWARE, WITH_CACHE])
@pytest.mark.parametrize("where", ["/cached", "/cached-for-everybody"])
def test_no_cache_of_django_s_shows_a_page_to_another_person(
    gate: Gatepass, ann: Any, middleware: list[str], where: str
) -> None:
    ben = get_user_model().objects.create_user("ben@example.com", project.PASSWORD)
    with override_settings(MIDDLEWARE=middleware):
        assert Client().get(where).content != str(ann.pk).encode()
        assert browser().get(where).content == str(ann.pk).encode()
        assert browser("ben@example.com").get(where).content == str(ben.pk).encode()
        assert Client().get(where).content not in {str(each.pk).encode() for each in (ann, ben)}
