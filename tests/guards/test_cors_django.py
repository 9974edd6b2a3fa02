"""django-cors-headers around the endpoints and the views, on either side of the guard (C4, C5)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from corsheaders.defaults import default_headers
from django.test import AsyncClient, Client, override_settings

from gatepass.gate import Gatepass
from gatepass.guards.django.apps import check_settings
from gatepass.wire.origin import CORS_EXPOSED, CORS_HEADERS
from tests.guards.test_cors import BODY, PAGE, assert_page_signs_in, gate_for_page, preflight

GUARD = "gatepass.guards.django.middleware.GatepassMiddleware"
CORS = "corsheaders.middleware.CorsMiddleware"
WHOLE = {
    "CORS_ALLOWED_ORIGINS": [PAGE],
    "CORS_ALLOW_CREDENTIALS": True,
    "CORS_ALLOW_HEADERS": [*default_headers, *CORS_HEADERS],
    "CORS_EXPOSE_HEADERS": CORS_EXPOSED,
}

ASKED = {**preflight("authorization"), "Access-Control-Request-Method": "GET"}


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    with django_project.used(gate_for_page()) as made:
        yield made


def over_django(method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    body = json.dumps(BODY) if path.endswith("register") and method == "POST" else ""
    answer = Client().generic(method, path, body, content_type="application/json", headers=headers)
    return answer.status_code, {name.lower(): value for name, value in answer.items()}


def codes() -> list[str | None]:
    return [message.id for message in check_settings(None) if message.id != "gatepass.W001"]


@pytest.mark.parametrize(
    "cors",
    [
        {"CORS_ALLOWED_ORIGINS": [PAGE]},
        {"CORS_ALLOW_ALL_ORIGINS": True},
        {"CORS_ALLOWED_ORIGINS": ["https://other.example"]},
        {"CORS_ALLOWED_ORIGINS": [PAGE], "CORS_EXPOSE_HEADERS": ["X-Total"]},
        {"CORS_ALLOWED_ORIGINS": [PAGE], "CORS_URLS_REGEX": r"^/api/.*$"},
        WHOLE,
    ],
)
def test_behind_the_guard_it_may_allow_what_it_likes_and_the_page_signs_in(
    gate: Gatepass, cors: dict[str, Any]
) -> None:
    with override_settings(MIDDLEWARE=[GUARD, CORS], **cors):
        assert_page_signs_in(over_django)
        assert codes() == []


def test_before_the_guard_it_lets_the_page_sign_in_with_the_lists_that_the_check_asks_for(gate: Gatepass) -> None:
    with override_settings(MIDDLEWARE=[CORS, GUARD], **WHOLE):
        assert_page_signs_in(over_django)
        assert codes() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"CORS_ALLOW_CREDENTIALS": False},
        {"CORS_ALLOW_HEADERS": default_headers},
        {"CORS_EXPOSE_HEADERS": ["X-Total"]},
    ],
)
def test_before_the_guard_each_list_that_keeps_the_page_out_is_reported(gate: Gatepass, wrong: dict[str, Any]) -> None:
    with override_settings(MIDDLEWARE=[CORS, GUARD], **{**WHOLE, **wrong}):
        assert codes() == ["gatepass.W003"]
        with pytest.raises((AssertionError, KeyError)):
            assert_page_signs_in(over_django)


def test_paths_that_it_leaves_alone_are_the_gates_on_either_side(gate: Gatepass) -> None:
    """django-cors-headers#647: `CORS_URLS_REGEX` names another path than that of the sign-in."""
    with override_settings(MIDDLEWARE=[CORS, GUARD], CORS_ALLOWED_ORIGINS=[PAGE], CORS_URLS_REGEX=r"^/api/.*$"):
        assert_page_signs_in(over_django)


@pytest.mark.parametrize("path", ["/me", "/rest/me", "/async/me"])
@pytest.mark.parametrize("order", [[GUARD, CORS], [CORS, GUARD]])
def test_a_view_that_refuses_is_asked_first_and_its_refusal_can_be_read(
    gate: Gatepass, order: list[str], path: str
) -> None:
    with override_settings(MIDDLEWARE=order, **WHOLE):
        assert_refusal_can_be_read(Client().options(path, headers=ASKED), Client().get(path, headers={"Origin": PAGE}))


@pytest.mark.parametrize("order", [[GUARD, CORS], [CORS, GUARD]])
async def test_so_it_is_under_asgi(gate: Gatepass, order: list[str]) -> None:
    with override_settings(MIDDLEWARE=order, **WHOLE):
        client = AsyncClient()
        asked = await client.options("/async/me", headers=ASKED)
        assert_refusal_can_be_read(asked, await client.get("/async/me", headers={"Origin": PAGE}))


def assert_refusal_can_be_read(asked: Any, refused: Any) -> None:
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert "authorization" in asked["Access-Control-Allow-Headers"].split(", ")
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert refused["Access-Control-Expose-Headers"] == ", ".join(CORS_EXPOSED)
