"""What stands in the head of every answer, whatever it answers (TR-01 to TR-04, §1.10)."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from gatepass.wire.browsers import Browsers
from gatepass.wire.origin import Hsts
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate

CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
NOT_JSON = {"/gatepass.js": "text/javascript; charset=utf-8"}
SECRET_WORDS = re.compile(rb'"(access_token|account|sessions|email)"')


async def every_answer(at: GateHarness, ann: Browser) -> AsyncIterator[tuple[str, Answer]]:
    """Each endpoint of the description: nobody, a stranger, the owner, broken bodies; and what lies beside them."""
    described = (await call(at.gate.asgi, "GET", "/openapi.json")).json()["paths"]
    headers = [[], [CLIENT], [CLIENT, ("origin", "https://evil.example")], [CLIENT, ann.bearer]]
    headers += [[CLIENT, JSON, ann.bearer], [CLIENT, ("content-type", "text/plain")]]
    bodies = [b"", b"{}", b"{", b'{"email":"x","password":"y"}', b"x" * 20_000]
    for path, item in described.items():
        for method in {*(name.upper() for name in item if name != "parameters"), "TRACE"}:
            for head in headers:
                for body in bodies:
                    place = path.replace("{sid}", "0" * 32)
                    answer = await call(at.gate.asgi, method, place, headers=head, body=body)
                    yield f"{method} {place} {head} {body[:20]!r}", answer
    for path in ("/healthz", "/readyz", "/.well-known/jwks.json", "/nothing", "/auth/nothing", "/"):
        yield path, await call(at.gate.served, "GET", path)


async def sound(at: GateHarness, ann: Browser) -> list[tuple[str, Answer]]:
    """Those, an error of our own, and the answers with tokens among them."""

    async def break_down(verb: str) -> None:
        raise RuntimeError("canary")

    answers = [pair async for pair in every_answer(at, ann)]
    credentials = {"email": EMAIL, "password": PASSWORD}
    bob = Browser(at.gate.asgi)
    answers += [("register", await bob.register("bob@example.com"))]
    answers += [("login", await ann.send("POST", "/login", body=credentials, headers=[CLIENT]))]
    answers += [
        ("refresh", await ann.refresh()),
        ("sessions", await ann.get("/sessions")),
        ("me", await ann.get("/me")),
    ]
    at.store.before = break_down
    answers += [("500", await ann.refresh())]
    at.store.before = None
    answers += [("logout", await ann.logout())]
    assert {answer.status for _, answer in answers} >= {200, 201, 204, 400, 401, 403, 404, 405, 413, 415, 422, 500}
    return answers


async def test_every_answer_forbids_sniffing_framing_referring_and_running(at: GateHarness, ann: Browser) -> None:
    for what, answer in await sound(at, ann):
        for name, value in EVERYWHERE.items():
            assert answer.get(name) == value, f"{what}: {name}"
        assert answer.get("server") is None
        assert answer.get("x-powered-by") is None
        is_public = answer.status == 200 and re.search(r"/(jwks|openapi)\.json", what)
        readers = "cross-origin" if is_public else "same-origin"
        assert answer.get("cross-origin-resource-policy") == readers, what


async def test_every_body_says_what_it_is_and_is_that(at: GateHarness, ann: Browser) -> None:
    for what, answer in await sound(at, ann):
        kind = answer.get("content-type")
        if not answer.body:
            continue
        if kind in NOT_JSON.values():
            continue
        assert kind in ("application/json", "application/problem+json", "application/jwk-set+json"), what
        json.loads(answer.body)
        assert answer.body.isascii(), "so no charset can be taken for another one"


async def test_every_refusal_is_a_problem_document_with_a_stable_type(at: GateHarness, ann: Browser) -> None:
    for what, answer in await sound(at, ann):
        if answer.status >= 400:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", answer.code), what
            members = {"type", "title", "status", "detail", "code"}
            assert members <= set(answer.json()), what


async def test_what_is_somebodys_is_never_kept_by_a_cache(at: GateHarness, ann: Browser) -> None:
    for what, answer in await sound(at, ann):
        cache = answer.one("cache-control")
        if answer.status >= 400 or answer.cookies or SECRET_WORDS.search(answer.body[:200]):
            assert cache == "no-store", what
        else:
            assert cache in ("no-store", "no-cache", "public, max-age=300"), what


async def test_over_https_every_answer_keeps_the_browser_on_https_for_a_year(at: GateHarness, ann: Browser) -> None:
    for what, answer in await sound(at, ann):
        assert (answer.get("strict-transport-security") or "").startswith("max-age=31536000"), what


async def test_the_subdomains_are_kept_there_too_where_no_application_shares_the_host(at: GateHarness) -> None:
    """Mounted in an application, the endpoints have no say over its subdomains."""
    for app, path, value in (
        (at.gate.served, "/healthz", "max-age=31536000; includeSubDomains"),
        (at.gate.served, "/auth/me", "max-age=31536000; includeSubDomains"),
        (at.gate.asgi, "/me", "max-age=31536000"),
    ):
        assert (await call(app, "GET", path)).one("strict-transport-security") == value


@pytest.mark.parametrize(
    ("hsts", "value"),
    [("subdomains", "max-age=31536000; includeSubDomains"), ("host", "max-age=31536000"), ("off", None)],
)
async def test_the_subdomains_can_be_left_out_or_the_header_to_the_proxy(hsts: Hsts, value: str | None) -> None:
    async with open_gate(browsers=Browsers(hsts=hsts)) as at:
        assert (await call(at.gate.served, "GET", "/healthz")).get("strict-transport-security") == value
        assert (await call(at.gate.asgi, "POST", "/login")).get("strict-transport-security") == value


async def test_over_plain_http_for_development_nothing_is_said_of_https() -> None:
    async with open_gate(public_url="http://localhost:8000") as at:
        for path in ("/healthz", "/auth/me", "/nothing"):
            assert (await call(at.gate.served, "GET", path)).get("strict-transport-security") is None


async def test_nothing_is_ever_redirected(at: GateHarness, ann: Browser) -> None:
    """Not from http to https either: a credential that was sent in the clear must fail loudly (TR-01)."""
    for what, answer in await sound(at, ann):
        assert not 300 <= answer.status < 400, what
        assert answer.get("location") is None
