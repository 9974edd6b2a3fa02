"""The page cookie on the wire: what sets it, what deletes it, what it says, and the resume page (PROTOCOL §10)."""

import base64
import json
from typing import Any

import pytest

from gatepass import Browsers, Pages, Policy, Tokens
from gatepass.errors import ConfigurationError, InvalidToken
from gatepass.testing import memory_gate
from gatepass.texts import texts_in
from tests.support.asgi import Answer, call
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate

PAGE = "__Host-Http-gatepass_page"
MARKS = {"Path": "/", "Secure": "", "SameSite": "Lax", "HttpOnly": ""}
NEW_PASSWORD = "ten blue bottles on another wall"


def part(token: str, place: int) -> Any:
    segment = token.split(".")[place]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def names(answer: Answer) -> list[str]:
    return [cookie.name for cookie in answer.cookies]


async def test_every_answer_that_brings_a_refresh_token_brings_a_page_cookie() -> None:
    async with open_gate(pages=Pages()) as at:
        ann = Browser(at.gate.asgi)
        begun = await ann.register()
        changed = await ann.enter("/password", current=PASSWORD, new=NEW_PASSWORD)
        for answer in (begun, await ann.refresh(), changed, await ann.login(password=NEW_PASSWORD)):
            cookie = answer.cookie(PAGE)
            assert cookie.marks == {**MARKS, "Max-Age": "900"}
            header, claims = part(cookie.value, 0), part(cookie.value, 1)
            assert (list(header), header["typ"]) == (["alg", "kid", "typ"], "page+jwt")
            access = part(answer.json()["access_token"], 1)
            assert {**claims, "jti": ""} == {**access, "jti": ""}
            assert claims["jti"] != access["jti"]


async def test_a_sign_in_by_the_application_has_one_too() -> None:
    async with open_gate(pages=Pages()) as at:
        ann = Browser(at.gate.asgi)
        account = (await ann.register()).json()["account"]["id"]
        scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"sec-fetch-site", b"same-origin")]}
        response: list[tuple[str, str]] = []
        (await at.gate.sign_in(scope, account, methods=("otp",))).onto(response)
        assert [text for _, text in response if text.startswith(f"{PAGE}=ey")]


async def test_without_the_setting_there_is_none_and_no_resume_page() -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        assert PAGE not in names(await ann.register())
        assert PAGE not in names(await ann.logout())
        page = await call(at.gate.asgi, "GET", "/resume", query=b"next=/")
        assert page.status == 404
        assert "set GATEPASS_PAGES=on" in page.json()["detail"], "the server that sends people there has no other word"
        assert "/resume" not in at.gate.describe()["paths"]


async def test_a_409_that_brings_a_refresh_token_and_no_access_token_brings_no_page_cookie() -> None:
    async with open_gate(pages=Pages()) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.refresh(lose=True)
        at.clock.advance(60)
        old = await ann.refresh()
        assert (old.status, PAGE in names(old)) == (409, False)


async def test_a_session_that_is_not_to_be_remembered_has_a_page_cookie_without_an_age() -> None:
    async with open_gate(pages=Pages()) as at:
        assert (await Browser(at.gate.asgi).register(remember=False)).cookie(PAGE).marks == MARKS


async def test_signing_out_deletes_it_with_the_others() -> None:
    async with open_gate(pages=Pages()) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        assert (await ann.logout()).cookie(PAGE).is_deletion
        assert ann.jar == {}


async def test_the_state_cookie_comes_along_with_a_link_of_another_site() -> None:
    async with open_gate(pages=Pages()) as at:
        answer = await Browser(at.gate.asgi).register()
        assert answer.cookie("__Host-gatepass_state").marks["SameSite"] == "Lax"
        assert answer.cookie("__Host-Http-gatepass").marks["SameSite"] == "Strict"


async def test_it_opens_no_endpoint_and_no_guard_of_access_tokens() -> None:
    async with open_gate(pages=Pages()) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        ann.access_token = ann.jar[PAGE]
        assert (await ann.get("/me")).code == "invalid-token"
        with pytest.raises(InvalidToken):
            at.gate.check.principal([f"Bearer {ann.jar[PAGE]}"])


async def test_it_lives_for_page_ttl_and_never_longer_than_its_refresh_token() -> None:
    for policy, expected in ((Policy(), 12 * 3600), (Policy.strict(), 3600)):
        async with open_gate(pages=Pages(page_ttl=12 * 3600), policy=policy) as at:
            answer = await Browser(at.gate.asgi).register()
            assert answer.cookie(PAGE).marks["Max-Age"] == str(expected)


async def test_an_end_of_a_session_is_known_as_long_as_its_page_tokens_live() -> None:
    async with open_gate(pages=Pages(page_ttl=12 * 3600)) as at:
        assert at.gate.revocations.kept > 12 * 3600


@pytest.mark.parametrize(
    ("public_url", "path", "name"),
    [
        ("https://gate.example:8443", "/", "__Host-Http-gatepass_page_8443"),
        ("https://gate.example", "/one/auth", "__Host-Http-gatepass_page_one.auth"),
        ("http://localhost:8000", "/", "gatepass_page_8000"),
        ("http://localhost:8000", "/auth", "gatepass_page_8000_auth"),
    ],
)
def test_two_gates_of_one_host_have_two_names(public_url: str, path: str, name: str) -> None:
    gate = memory_gate(public_url=public_url, browsers=Browsers(cookie_path=path), pages=Pages())
    assert gate.cookies.place.names.page == name
    assert gate.cookies.page("x", max_age=None).startswith(f"{name}=x; Path=/; ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_ttl": 59},
        {"page_ttl": 86_401},
        {"sign_in_page": "https://elsewhere.example/"},
        {"sign_in_page": "//elsewhere.example"},
        {"sign_in_page": "/a#b"},
        {"auth_path": "auth"},
        {"auth_path": "/auth?x"},
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"`{next(iter(wrong))}`"):
        Pages(**wrong)


async def test_a_token_that_no_cookie_holds_is_not_issued_and_the_operator_is_told() -> None:
    """mitchelvanbever/remix-auth-supabase#15: browsers drop such a cookie without a word."""
    size = 0
    tokens = Tokens(claims=lambda _session: {"x": "y" * size})
    async with open_gate(pages=Pages(), tokens=tokens) as at:
        ann = Browser(at.gate.asgi)
        cookie = (await ann.register()).cookie(PAGE)
        size = (4000 - len(cookie.value)) * 3 // 4 - 20
        fits = (await ann.refresh()).cookie(PAGE)
        assert len(f"{fits.name}={fits.value}") < 4096
        size += 100
        assert (await ann.refresh()).code == "claims-unavailable"
        (told,) = at.named("sys_claims_failed")
        assert "4000" in str(told)


class TestResumePage:
    async def open(self, at: GateHarness, query: bytes) -> Answer:
        return await call(at.gate.asgi, "GET", "/resume", query=query, headers=[("sec-fetch-mode", "navigate")])

    async def test_it_runs_its_own_script_alone(self) -> None:
        async with open_gate(pages=Pages(sign_in_page="/sign-in?a=1&b=2")) as at:
            page = await self.open(at, b"next=/notes%3Fx%3D1")
            assert (page.status, page.one("content-type")) == (200, "text/html; charset=utf-8")
            policy = page.one("content-security-policy")
            assert "default-src 'none'; script-src 'self'; connect-src 'self'" in policy
            assert "unsafe" not in policy
            assert page.one("cache-control") == "no-store"
            text = page.body.decode()
            assert text.count("<script") == 1
            assert '<script type="module" src="resume.js"></script>' in text
            assert 'data-sign-in="/sign-in?a=1&amp;b=2" data-resumed="__Host-gatepass_resumed"' in text
            assert "/notes" not in text, "nothing of the request stands in the page"
            script = await call(at.gate.asgi, "GET", "/resume.js")
            assert (script.status, script.one("content-type")) == (200, "text/javascript; charset=utf-8")

    async def test_it_sets_no_cookie_so_what_prefetches_it_counts_as_no_attempt(self) -> None:
        async with open_gate(pages=Pages(sign_in_page="/sign-in")) as at:
            for headers in ([("sec-fetch-mode", "cors"), ("purpose", "prefetch")], [("sec-fetch-mode", "navigate")]):
                page = await call(at.gate.asgi, "GET", "/resume", query=b"next=/", headers=headers)
                assert (page.status, page.cookies) == (200, [])

    @pytest.mark.parametrize(
        ("header", "language", "said"),
        [
            ("de-AT,de;q=0.9,en;q=0.8", "de", "Einen Moment"),
            ("ja,fr;q=0.4,es;q=0.5", "es", "Un momento"),
            ("zh-TW", "zh", "请稍候"),
            ("PT-br", "pt", "Um momento"),
            ("fr;q=0, *", "en", "One moment"),
            ("ja", "en", "One moment"),
            ("de;q=7,fr;q=x", "en", "One moment"),
            ("", "en", "One moment"),
            (None, "en", "One moment"),
        ],
    )
    async def test_it_is_in_the_language_of_the_person(self, header: str | None, language: str, said: str) -> None:
        async with open_gate(pages=Pages(sign_in_page="/sign-in")) as at:
            headers = [("sec-fetch-mode", "navigate"), *([("accept-language", header)] if header is not None else [])]
            page = await call(at.gate.asgi, "GET", "/resume", query=b"next=/", headers=headers)
            assert (page.one("content-language"), page.one("vary")) == (language, "Accept-Language")
            text = page.body.decode()
            assert f'<html lang="{language}" ' in text
            assert f"<title>{said}</title>" in text
            assert f'<a href="/sign-in">{texts_in(language).resume["sign_in"]}</a>' in text

    @pytest.mark.parametrize(
        "query",
        [
            b"",
            b"next=",
            b"next=notes",
            b"next=//evil.example",
            b"next=/%5Cevil.example",
            b"next=/%2fevil.example",
            b"next=/%252fevil.example",
            b"next=/a%0d%0ab",
            b"next=/a%09b",
            b"next=https://evil.example/",
            b"next=javascript:alert(1)",
            b"next=" + ORIGIN.encode() + b"/",
            b"next=/a&next=/b",
        ],
    )
    async def test_it_goes_on_to_a_plain_path_alone(self, query: bytes) -> None:
        async with open_gate(pages=Pages()) as at:
            assert (await self.open(at, query)).code == "malformed-request"
