"""The cookies of every answer, attribute by attribute (PROTOCOL §6)."""

from typing import Any

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import ConfigurationError
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import SameSite
from tests.support.asgi import Answer, SetCookie, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, STATE, Browser
from tests.support.gates import NOW, GateHarness, open_gate

STRICT = {"Path": "/", "Secure": "", "SameSite": "Strict"}
LASTING = {"Max-Age": str(7 * DAY)}
CLEARED = {"Max-Age": "0"}
NARROW = ("__Secure-gatepass_auth", "__Host-gatepass_state_auth")


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
    assert len(rt.value) == len("gp_rt_") + 194
    assert (state.name, state.marks) == (STATE, {**STRICT, **LASTING})
    body = handed_out.json()
    assert state.value == ".".join(
        map(str, (body["session_id"], body["refresh_generation"], body["refresh_challenge"], NOW + 7 * DAY))
    )


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
    thief, tab = ann.clone(key=b"t" * 32), ann.clone(key=ann.key)
    answers = [await thief.refresh()]
    await ann.logout()
    answers += [await tab.refresh(), await thief.refresh()]
    assert [(answer.status, answer.cookies) for answer in answers] == [(403, []), (401, []), (403, [])]


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
        browser = Browser(at.gate.asgi, names=NARROW)
        for answer in (await browser.register(), await browser.logout()):
            rt, state = pair(answer)
            assert (rt.name, rt.marks["Path"]) == (NARROW[0], "/auth")
            assert (state.name, state.marks["Path"]) == (NARROW[1], "/")


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


@pytest.mark.parametrize("path", ["/auth/refresh", "/refresh/"])
def test_a_cookie_path_that_sign_out_is_not_under_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="signing in and out"):
        Browsers(cookie_path=path)


class TestChangedPath:
    """A change of COOKIE_PATH ends no session, while the earlier one is named too."""

    @pytest.mark.parametrize(("old", "new"), [("/", "/auth"), ("/auth", "/"), ("/auth", "/api/auth")])
    async def test_the_next_200_moves_both_cookies_and_the_session_goes_on(self, old: str, new: str) -> None:
        async with (
            open_gate(browsers=Browsers(cookie_path=old)) as before,
            open_gate(browsers=Browsers(cookie_path=new, earlier_cookie_path=old), store=before.store) as after,
        ):
            names, moved = before.gate.cookies.place.names, after.gate.cookies.place.names
            browser = Browser(before.gate.asgi, names=names)
            await browser.register()
            browser.app = after.gate.asgi
            answer = await browser.refresh()
            assert answer.status == 200
            assert set(browser.jar) == set(moved)
            gone = [cookie for cookie in answer.cookies if cookie.is_deletion]
            assert [(cookie.name, cookie.marks["Path"]) for cookie in gone] == [(names[0], old), (names[1], "/")]
            browser.rt_name, browser.state_name = moved
            assert (await browser.refresh()).status == 200

    async def test_another_spelling_of_the_path_keeps_the_state_that_it_sets(self) -> None:
        async with open_gate(browsers=Browsers(cookie_path="/auth", earlier_cookie_path="/auth/")) as at:
            browser = Browser(at.gate.asgi, names=NARROW)
            await browser.register()
            assert browser.state_name in browser.jar

    async def test_a_state_that_is_out_of_step_expires_the_one_that_a_page_would_read_first(self) -> None:
        async with (
            open_gate(browsers=Browsers(cookie_path="/auth")) as before,
            open_gate(browsers=Browsers(earlier_cookie_path="/auth"), store=before.store) as after,
        ):
            browser = Browser(before.gate.asgi, names=NARROW)
            await browser.register()
            browser.app = after.gate.asgi
            browser.jar[NARROW[1]] = f"{browser.sid}.7.AAAAAAAAAAA.1"
            assert (await browser.refresh()).code == "refresh-superseded"
            assert set(browser.jar) == {NARROW[0], STATE}

    async def test_a_sign_in_and_a_sign_out_expire_the_earlier_names_too(self) -> None:
        async with open_gate(browsers=Browsers(cookie_path="/auth", earlier_cookie_path="/")) as at:
            browser = Browser(at.gate.asgi, names=NARROW)
            for answer in (await browser.register(), await browser.login(), await browser.logout()):
                assert {cookie.name for cookie in answer.cookies if cookie.is_deletion} >= {RT, STATE}

    async def test_without_the_setting_the_other_name_is_not_read(self) -> None:
        async with (
            open_gate() as before,
            open_gate(browsers=Browsers(cookie_path="/auth"), store=before.store) as after,
        ):
            browser = Browser(before.gate.asgi)
            await browser.register()
            browser.app = after.gate.asgi
            assert (await browser.refresh()).code == "no-session"


async def test_two_gates_on_one_host_have_different_names_by_port_and_by_path() -> None:
    places: list[dict[str, Any]] = [
        {"public_url": "https://gate.example:8443"},
        {"public_url": "https://gate.example:9443"},
        {"browsers": Browsers(cookie_path="/one/auth")},
        {"browsers": Browsers(cookie_path="/two/auth")},
        {"public_url": "http://localhost:8000", "browsers": Browsers(cookie_path="/one/auth")},
        {"public_url": "http://localhost:8000", "browsers": Browsers(cookie_path="/two/auth")},
    ]
    jar: dict[str, str] = {}
    for options in places:
        async with open_gate(**options) as at:
            names = at.gate.cookies.place.names
            browser = Browser(at.gate.asgi, origin=min(at.gate.origins.own), names=names)
            browser.jar = jar
            assert (await browser.register()).status == 201
            assert (await browser.refresh()).status == 200
    assert len(jar) == 2 * len(places)


async def test_sign_out_works_whatever_else_lies_in_the_jar(at: GateHarness, ann: Browser) -> None:
    bob = Browser(at.gate.asgi)
    await bob.register("bob@example.com")
    await ann.refresh()
    ann.jar |= {"__Secure-gatepass": bob.rt, "gatepass_443": "gp_rt_x", "theme": "dark"}
    raw = "; ".join([f"{RT}=rubbish", *(f"{name}={value}" for name, value in ann.jar.items()), f"{RT}={'A' * 5000}"])
    headers = [("cookie", raw), ("gatepass-client", "1"), ("gatepass-session", ann.sid), ("origin", ORIGIN)]
    answer = await call(at.gate.asgi, "POST", "/logout", headers=headers)
    assert answer.status == 204
    assert {cookie.name for cookie in answer.cookies if cookie.is_deletion} >= {RT, STATE}
    assert (await ann.get("/me")).status == 401
    assert (await bob.refresh()).status == 200, "a token under a weaker name is no token"
