"""The cookies of every answer, attribute by attribute (PROTOCOL §6)."""

from typing import Any

import pytest

from gatepass.core.policy import DAY
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import SameSite
from tests.support.asgi import Answer, SetCookie, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, STATE, Browser
from tests.support.gates import NOW, GateHarness, open_gate

STRICT = {"Path": "/", "Secure": "", "SameSite": "Strict"}
LASTING = {"Max-Age": str(7 * DAY)}
CLEARED = {"Max-Age": "0"}


def pair(answer: Answer) -> tuple[SetCookie, SetCookie]:
    """Exactly a refresh cookie and a state cookie."""
    rt, state = answer.cookies
    return rt, state


@pytest.fixture(params=["register", "login", "refresh"])
async def handed_out(request: pytest.FixtureRequest, at: GateHarness) -> Answer:
    """An answer of each endpoint that hands out a refresh token."""
    browser = Browser(at.gate.asgi)
    answer = await browser.register()
    if request.param == "login":
        browser.jar.clear()
        answer = await browser.login()
    if request.param == "refresh":
        answer = await browser.refresh()
    return answer


async def test_over_https_the_refresh_cookie_is_host_bound_and_closed_to_scripts(handed_out: Answer) -> None:
    rt, state = pair(handed_out)
    assert (rt.name, rt.marks) == (RT, {**STRICT, "HttpOnly": "", **LASTING})
    assert len(rt.value) == len("gp_rt_") + 128
    assert (state.name, state.marks) == (STATE, {**STRICT, **LASTING})
    body = handed_out.json()
    assert state.value == f"{body['session_id']}.{body['refresh_generation']}.{NOW + 7 * DAY}"


async def test_an_old_repeat_sets_the_same_cookies_on_its_409(at: GateHarness, ann: Browser) -> None:
    await ann.refresh(lose=True)
    at.clock.advance(60)
    rt, state = pair(await ann.refresh())
    assert (rt.name, rt.marks) == (RT, {**STRICT, "HttpOnly": "", **LASTING})
    assert (state.name, state.marks) == (STATE, {**STRICT, **LASTING})


async def test_max_age_is_what_is_left_of_the_token(at: GateHarness, ann: Browser) -> None:
    for _ in range(4):
        at.clock.advance(6 * DAY)
        answer = await ann.refresh()
    assert [cookie.marks["Max-Age"] for cookie in answer.cookies] == [str(6 * DAY)] * 2
    at.clock.advance(3600)
    await ann.refresh(lose=True)
    assert (await ann.refresh()).cookie(RT).marks["Max-Age"] == str(6 * DAY - 3600)


async def test_without_remember_the_cookies_end_with_the_browser_on_every_answer(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    await browser.register()
    browser.jar.clear()
    signed_in = await browser.login(remember=False)
    await browser.refresh(lose=True)
    repeated = await browser.refresh()
    advanced = await browser.refresh()
    for answer in (signed_in, repeated, advanced):
        rt, state = pair(answer)
        assert rt.marks == {**STRICT, "HttpOnly": ""}
        assert state.marks == STRICT


async def test_logout_expires_both_cookies_with_the_attributes_they_were_set_with(
    at: GateHarness, ann: Browser
) -> None:
    rt, state = pair(await ann.logout())
    assert (rt.name, rt.value, rt.marks) == (RT, "", {**STRICT, "HttpOnly": "", **CLEARED})
    assert (state.name, state.value, state.marks) == (STATE, "", {**STRICT, **CLEARED})
    assert ann.jar == {}


async def test_a_failed_refresh_never_clears_a_cookie(at: GateHarness, ann: Browser) -> None:
    thief = ann.clone(client_key=b"t" * 32)
    await ann.refresh()
    for answer in (await thief.refresh(), await ann.refresh(), await thief.refresh()):
        assert (answer.status, answer.cookies) == (401, [])


@pytest.mark.parametrize(
    ("public_url", "port"),
    [
        ("http://localhost:8000", 8000),
        ("http://127.0.0.1:5173", 5173),
        ("http://localhost", 80),
        ("http://127.0.0.1:3000", 3000),
    ],
)
async def test_over_http_on_a_loopback_host_the_names_carry_the_port_and_nothing_is_secure(
    public_url: str, port: int
) -> None:
    async with open_gate(public_url=public_url) as at:
        names = (f"gatepass_{port}", f"gatepass_state_{port}")
        browser = Browser(at.gate.asgi, origin=public_url, names=names)
        rt, state = pair(await browser.register())
        assert (rt.name, state.name) == names
        assert rt.marks == {"Path": "/", "SameSite": "Strict", "HttpOnly": "", **LASTING}
        assert state.marks == {"Path": "/", "SameSite": "Strict", **LASTING}
        assert (await browser.refresh()).status == 200
        assert [cookie.marks["Max-Age"] for cookie in (await browser.logout()).cookies] == ["0", "0"]


async def test_the_host_header_decides_nothing() -> None:
    async with open_gate() as at:
        headers = [("host", "localhost:9"), ("x-forwarded-proto", "http"), ("gatepass-client", "1")]
        body = f'{{"email":"{EMAIL}","password":"{PASSWORD}"}}'.encode()
        answer = await call(
            at.gate.asgi,
            "POST",
            "/register",
            headers=[*headers, ("content-type", "application/json")],
            body=body,
        )
        assert answer.cookie(RT).marks["Secure"] == ""


async def test_a_cookie_path_narrows_the_refresh_cookie_alone_and_changes_its_prefix() -> None:
    async with open_gate(browsers=Browsers(cookie_path="/auth")) as at:
        browser = Browser(at.gate.asgi, names=("__Secure-gatepass", STATE))
        rt, state = pair(await browser.register())
        assert (rt.name, rt.marks["Path"]) == ("__Secure-gatepass", "/auth")
        assert (state.name, state.marks["Path"]) == (STATE, "/")
        rt, state = pair(await browser.logout())
        assert (rt.name, rt.marks["Path"], state.marks["Path"]) == ("__Secure-gatepass", "/auth", "/")


@pytest.mark.parametrize(
    ("same_site", "marks"),
    [
        ("strict", {"SameSite": "Strict"}),
        ("lax", {"SameSite": "Lax"}),
        ("none", {"SameSite": "None", "Partitioned": ""}),
    ],
)
async def test_same_site_is_as_configured_and_none_is_partitioned(same_site: SameSite, marks: dict[str, str]) -> None:
    async with open_gate(browsers=Browsers(same_site=same_site)) as at:
        browser = Browser(at.gate.asgi)
        answers = [await browser.register(), await browser.refresh(), await browser.logout()]
        for cookie in (cookie for answer in answers for cookie in answer.cookies):
            rest = set(cookie.marks) - {"Path", "Secure", "HttpOnly", "Max-Age"}
            assert {name: cookie.marks[name] for name in rest} == marks


class TestBothNames:
    """A change of COOKIE_PATH logs nobody out."""

    async def changed(self, old: dict[str, Any], new: dict[str, Any], name: str) -> tuple[Answer, Answer]:
        """A refresh after the change with the old cookie only, and one with both."""
        async with open_gate(**old) as before:
            browser = Browser(before.gate.served, mount="/auth", names=(name, STATE))
            await browser.register()
            async with open_gate(**new, store=before.store) as after:
                browser.app = after.gate.served
                first = await browser.refresh()
                assert first.status == 200
                browser.jar[name] = browser.jar.get(name, "gp_rt_rubbish")
                browser.rt_name = first.cookies[0].name
                return first, await browser.refresh()

    async def test_the_next_200_sets_the_configured_name_and_expires_the_wide_one(self) -> None:
        first, second = await self.changed({}, {"browsers": Browsers(cookie_path="/auth")}, RT)
        assert first.cookies[0].name == "__Secure-gatepass"
        for answer in (first, second):
            assert answer.status == 200
            assert answer.cookie(RT).marks == {**STRICT, "HttpOnly": "", **CLEARED}

    async def test_the_next_200_expires_the_narrow_name_at_every_path_it_can_have_been_set_with(self) -> None:
        first, _ = await self.changed({"browsers": Browsers(cookie_path="/auth")}, {}, "__Secure-gatepass")
        assert first.cookies[0].name == RT
        stale = [cookie for cookie in first.cookies if cookie.name == "__Secure-gatepass"]
        assert {cookie.marks["Path"] for cookie in stale} >= {"/", "/auth", "/auth/refresh"}
        assert all(cookie.is_deletion and cookie.marks["Secure"] == "" for cookie in stale)

    async def test_login_and_logout_expire_the_other_name_too(self) -> None:
        async with (
            open_gate() as before,
            open_gate(browsers=Browsers(cookie_path="/auth"), store=before.store) as after,
        ):
            browser = Browser(before.gate.served, mount="/auth")
            await browser.register()
            browser.app = after.gate.served
            assert (await browser.login()).cookie(RT).is_deletion
            browser.jar[RT] = "gp_rt_rubbish"
            assert (await browser.logout()).cookie(RT).is_deletion

    async def test_without_an_old_cookie_nothing_is_expired(self, at: GateHarness, ann: Browser) -> None:
        assert len((await ann.refresh()).cookies) == 2

    async def test_a_path_with_odd_characters_cannot_break_the_headers(self) -> None:
        """The mount may have a parameter that the caller chooses; no part of it becomes an attribute."""
        async with open_gate() as at:
            browser = Browser(at.gate.asgi)
            await browser.register()
            for tenant in ("a;b", "a\r\nset-cookie: x=y", "ü", "日本", "a b", "a,b"):
                root = f"/{tenant}/auth"
                headers = [
                    ("cookie", f"{RT}={browser.rt}; __Secure-gatepass=x"),
                    ("gatepass-client", "1"),
                    ("origin", ORIGIN),
                ]
                answer = await call(at.gate.asgi, "POST", f"{root}/refresh", headers=headers, root_path=root)
                assert answer.status == 200, tenant
                paths = {c.marks["Path"] for c in answer.cookies if c.name == "__Secure-gatepass"}
                assert len(paths) == 4, tenant
