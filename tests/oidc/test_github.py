"""GitHub: OAuth 2.0 whose API says who it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gatepass.core.secret import Secret
from gatepass.errors import Forbidden, Problem, ProviderFailed
from gatepass.oidc.errand import Errand
from gatepass.oidc.github import GitHub
from gatepass.oidc.options import Provider as Options
from gatepass.oidc.partner import Answer
from gatepass.testing.clock import ManualClock
from tests.support.provider import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, Provider, send

ERRAND = Errand(
    "github", Secret("s" * 22), Secret("n" * 22), Secret("v" * 43), "https://gate.example/callback", "/", True, 0
)


@pytest.fixture
def server() -> Iterator[Provider]:
    clock = ManualClock()
    with Provider(clock.now) as made:
        made.replies["/login/oauth/access_token"] = lambda handler: send(handler, *made._token(handler))
        made.replies["/api/v3/user"] = lambda handler: send(handler, 200, {"id": 583231, "login": "octo", "name": None})
        emails = [
            {"email": "old@example.com", "primary": False, "verified": True},
            {"email": "octo@example.com", "primary": True, "verified": True},
        ]
        made.replies["/api/v3/user/emails"] = lambda handler: send(handler, 200, emails)
        made.token = lambda members: {"access_token": ACCESS_TOKEN, "token_type": "bearer", "scope": ""}
        yield made


def github(server: Provider) -> GitHub:
    options: dict[str, Any] = {"issuer": server.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return GitHub(Options(name="github", adapter="github", **options), clock=ManualClock())


async def answer(partner: GitHub, server: Provider, **more: str) -> Answer:
    came = {**server.answer(await partner.authorization_url(ERRAND)), **more}
    return Answer(Secret(came["code"]) if "code" in came else None, came.get("error"), came.get("iss"))


async def test_the_number_of_the_user_is_the_subject_and_the_primary_address_counts(server: Provider) -> None:
    partner = github(server)
    assertion = await partner.assertion(ERRAND, await answer(partner, server))
    identity = assertion.identity
    assert (identity.issuer, identity.subject) == (server.issuer, "583231")
    assert (identity.email, identity.email_verified, identity.name) == ("octo@example.com", True, "octo")
    assert assertion.methods == ("fed",)
    assert server.forms[0]["client_secret"] == CLIENT_SECRET


async def test_pkce_goes_along_and_nothing_of_openid(server: Provider) -> None:
    location = await github(server).authorization_url(ERRAND)
    assert location.startswith(f"{server.issuer}/login/oauth/authorize?response_type=code&")
    assert "code_challenge_method=S256" in location
    assert "scope=read%3Auser+user%3Aemail" in location
    assert "nonce" not in location


async def test_an_address_that_github_has_not_verified_is_not_verified(server: Provider) -> None:
    emails = [{"email": "octo@example.com", "primary": True, "verified": False}]
    server.replies["/api/v3/user/emails"] = lambda handler: send(handler, 200, emails)
    partner = github(server)
    assert not (await partner.assertion(ERRAND, await answer(partner, server))).identity.email_verified


@pytest.mark.parametrize("issuer", ["", "/login/oauth"])
async def test_an_answer_may_name_its_issuer(server: Provider, issuer: str) -> None:
    partner = github(server)
    await partner.assertion(ERRAND, await answer(partner, server, iss=server.issuer + issuer))


async def test_an_answer_of_another_issuer_is_refused(server: Provider) -> None:
    partner = github(server)
    with pytest.raises(ProviderFailed, match="provider-error"):
        await partner.assertion(ERRAND, await answer(partner, server, iss="https://evil.example"))


async def test_an_error_with_status_200_is_an_error(server: Provider) -> None:
    partner = github(server)
    body = {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
    server.replies["/login/oauth/access_token"] = lambda handler: send(handler, 200, body)
    with pytest.raises(Problem, match="sign-in-expired"):
        await partner.assertion(ERRAND, await answer(partner, server))


async def test_a_refusal_of_the_person_is_one(server: Provider) -> None:
    with pytest.raises(Forbidden, match="access-denied"):
        await github(server).assertion(ERRAND, Answer(None, "access_denied", None))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v3/user", {"message": "Bad credentials"}),
        ("/api/v3/user", []),
        ("/api/v3/user", {"id": "583231"}),
        ("/api/v3/user", {"id": True}),
        ("/api/v3/user/emails", {"message": "Not Found"}),
    ],
)
async def test_an_api_that_answers_otherwise_signs_nobody_in(server: Provider, path: str, body: object) -> None:
    server.replies[path] = lambda handler: send(handler, 200, json.dumps(body).encode())
    partner = github(server)
    with pytest.raises(ProviderFailed):
        await partner.assertion(ERRAND, await answer(partner, server))
