"""Every way in which a page can make a browser send something, from every kind of neighbour, at every endpoint (CS-09).

Twice: with cookies that no other site's request carries (SameSite=Strict), and with cookies that all of them carry
(SameSite=None), so that nothing here rests on the cookie's attribute alone.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Playwright
from playwright.sync_api import Page as ChromiumPage

from gatepass.server.endpoints import DESCRIBED
from gatepass.server.openapi.openapi import describe
from gatepass.wire.cookie_names import HOST_NAME, SECURE_NAME, names_of
from gatepass.wire.cookies import SameSite
from tests.support.certificate import certificate
from tests.support.full import FULL
from tests.system.browser.conftest import until_page, usual_chromium
from tests.system.browser.engines.chromium import Chromium
from tests.system.browser.engines.firefox import Firefox
from tests.system.browser.engines.interface import Engine, Page, Profile
from tests.system.browser.engines.variants import Variant, require
from tests.system.browser.hostile import HOST, Fort, fort, lair
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.patience import PATIENCE

pytestmark = [pytest.mark.one_scheme, pytest.mark.not_in("webkit", "names below .test that are this machine")]
WHAT_PLAYWRIGHT_SEES = pytest.mark.chromium_only("frames and navigations that are refused")
WITH_FRAMES = pytest.mark.chromium_only("the end of a frame that is refused: Firefox fires neither load nor error")

CREDENTIALS = {"email": "eve@example.com", "password": "the password of the attacker"}
SIGN_UP = """(who) => fetch("/auth/register", { method: "POST", headers: { "content-type": "application/json",
  "gatepass-client": "1" }, body: JSON.stringify(who) }).then(async (r) => [r.status, (await r.json()).access_token])"""
REFRESH = """(sid) => fetch("/auth/refresh", { method: "POST", headers: { "gatepass-client": "1",
  "gatepass-session": sid } }).then(async (r) => [r.status, (await r.json()).session_id])"""
ATTACK = "([target, endpoints, credentials, framed]) => attack(target, endpoints, credentials, framed)"
USUAL = ["another site", "another port of the host"]
"""The farthest and the nearest, with cookies that go along anyway. In full all, and both kinds of cookies with each."""
FRAMED = ["/auth/login", "/auth/register", "/auth/refresh", "/auth/logout"]
"""Endpoints that heed cookies, or set them: at these every kind of frame and form is tried, at the others one."""
NEIGHBOURS = {
    "another site": "https://evil.test:{tls}",
    "a sibling subdomain": "https://evil.example.test:{tls}",
    "a subdomain below": "https://evil.app.example.test:{tls}",
    "the domain above": "https://example.test:{tls}",
    "another port of the host": "https://app.example.test:{tls}",
    "the host without TLS": "http://app.example.test:{plain}",
}
LAX, STRICT = (
    [(same_site, name) for name in NEIGHBOURS if FULL or name in usual]
    for same_site, usual in (("none", USUAL), ("strict", []))
)
EVERYWHERE = pytest.mark.parametrize(("stronghold", "neighbour"), [*LAX, *STRICT], indirect=["stronghold"])
EITHER = pytest.mark.parametrize("stronghold", ["none", pytest.param("strict", marks=pytest.mark.full)], indirect=True)
NAMES = {HOST, *(str(urlsplit(origin.format(tls=1, plain=1)).hostname) for origin in NEIGHBOURS.values())}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("tls") / "any.pem"
    file.write_bytes(certificate())
    return file


@pytest.fixture(scope="module")
def own_engines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Engine]]:
    """Gives browsers to which all of these names are this machine."""
    with ExitStack() as stack:
        made: dict[str, Engine] = {}

        def start(name: str) -> Engine:
            require(name.removeprefix("windowed "))
            if name == "firefox":
                firefox = Firefox(tmp_path_factory.mktemp(name), {"network.dns.localDomains": ",".join(NAMES)})
                stack.callback(firefox.close)
                return firefox
            playwright: Playwright = request.getfixturevalue("playwright")
            arguments = [*ARGUMENTS, "--host-resolver-rules=MAP *.test 127.0.0.1"]
            path = usual_chromium() if name == "chromium" else find_chromium()
            chromium = playwright.chromium.launch(executable_path=path, args=arguments, timeout=PATIENCE * 1_000)
            stack.callback(chromium.close)
            return Chromium(chromium)

        def find(name: str) -> Engine:
            if name not in made or made[name].is_gone:
                made[name] = start(name)
            return made[name]

        yield find


@pytest.fixture(scope="module")
def stronghold(request: pytest.FixtureRequest, pem: Path) -> Iterator[Fort]:
    same_site: SameSite = request.param
    with fort(pem, same_site=same_site) as made:
        yield made


@pytest.fixture(scope="module")
def ports(pem: Path) -> Iterator[dict[str, int]]:
    with lair(pem) as tls, lair(None) as plain:
        yield {"tls": tls, "plain": plain}


@pytest.fixture
def profile(own_engines: Callable[[str], Engine], variant: Variant) -> Iterator[Any]:
    made = own_engines(variant.browser).new_profile()
    yield made
    made.close()


@pytest.fixture
def windowed(own_engines: Callable[[str], Engine], variant: Variant) -> Iterator[Any]:
    """A profile of a browser that can open windows."""
    made = own_engines(f"windowed {variant.browser}").new_profile()
    yield made
    made.close()


def endpoints(of: Fort) -> list[tuple[str, str]]:
    """Those of the description, and the documents beside them."""
    paths = describe(DESCRIBED, of.gate.policy)["paths"]
    assert isinstance(paths, dict)
    found = [(name.upper(), f"/auth{path}") for path, item in paths.items() for name in item if name != "parameters"]
    return [(method, path.replace("{sid}", "0" * 32)) for method, path in found]


def in_turn(all_of_them: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """So few at a time that no command to a browser takes minutes."""
    return (all_of_them[start : start + 6] for start in range(0, len(all_of_them), 6))


def jar(profile: Profile) -> dict[str, str]:
    return {str(cookie["name"]): str(cookie["value"]) for cookie in profile.cookies()}


def sign_up(stronghold: Fort, profile: Profile) -> tuple[Page, str]:
    """Ann's tab, and the id of her session."""
    page = profile.new_page()
    page.goto(stronghold.url)
    who = {"email": f"ann{next(_numbers)}@example.com", "password": "seven green bottles on a wall"}
    status, _ = page.evaluate(SIGN_UP, who)
    assert status == 201
    return page, jar(profile)[names_of(stronghold.url).state].split(".")[0]


def hostile(profile: Any, origin: str) -> Any:
    page = profile.new_page()
    page.goto(origin)
    until_page(page, "window.attack")
    return page


@WITH_FRAMES
@EVERYWHERE
def test_no_page_of_another_origin_changes_or_reads_anything(
    stronghold: Fort, profile: Profile, ports: dict[str, int], neighbour: str
) -> None:
    page, sid = sign_up(stronghold, profile)
    evil = hostile(profile, NEIGHBOURS[neighbour].format(**ports))
    before, cookies = stronghold.state(), jar(profile)
    stronghold.events.clear()
    stronghold.requests.clear()
    for some in in_turn(endpoints(stronghold)):
        assert evil.evaluate(ATTACK, [stronghold.url, some, CREDENTIALS, FRAMED]) == [], (
            "no answer was open to the page"
        )
    assert len(stronghold.requests) > 8 * len(endpoints(stronghold)), "the attacks arrived"
    assert not [line for line in stronghold.requests if line.endswith("same-origin")]
    assert stronghold.state() == before
    assert jar(profile) == cookies
    assert {event.name for event in stronghold.events} <= {"malicious_csrf", "authz_fail"}
    assert page.evaluate(REFRESH, sid) == [200, sid], "and Ann goes on"


@WITH_FRAMES
@pytest.mark.parametrize("stronghold", ["none"], indirect=True)
@pytest.mark.parametrize("neighbour", NEIGHBOURS if FULL else USUAL[1:])
def test_nobody_is_signed_in_as_the_attacker(
    stronghold: Fort,
    profile: Profile,
    own_engines: Callable[[str], Engine],
    variant: Variant,
    ports: dict[str, int],
    neighbour: str,
) -> None:
    """Login CSRF: an account that exists, and a browser without a session."""
    helper = own_engines(variant.browser).new_profile()
    own = helper.new_page()
    own.goto(stronghold.url)
    own.evaluate(SIGN_UP, CREDENTIALS)
    helper.close()
    evil = hostile(profile, NEIGHBOURS[neighbour].format(**ports))
    sessions = len(stronghold.state()[1])  # type: ignore[arg-type]
    evil.evaluate(
        ATTACK,
        [stronghold.url, [["POST", "/auth/login"], ["POST", "/auth/register"]], CREDENTIALS, FRAMED],
    )
    assert jar(profile) == {}
    assert len(stronghold.state()[1]) == sessions  # type: ignore[arg-type]


@WHAT_PLAYWRIGHT_SEES
@EITHER
def test_windows_and_top_level_navigations_change_nothing(
    stronghold: Fort, windowed: BrowserContext, ports: dict[str, int]
) -> None:
    """SameSite=Lax would send cookies with these; a form in a new window is a navigation too."""
    page, sid = sign_up(stronghold, windowed)
    before, cookies = stronghold.state(), jar(windowed)
    for method, path in [("POST", path) for path in FRAMED] + [("GET", "/auth/me"), ("DELETE", "/auth/sessions/x")]:
        evil: ChromiumPage = hostile(windowed, NEIGHBOURS["another site"].format(**ports))
        evil.evaluate("(url) => { window.open(url); }", stronghold.url + path)
        with evil.expect_navigation(wait_until="commit"):
            evil.evaluate(
                """([url, method]) => { const form = Object.assign(document.createElement("form"), { action: url,
                method: method === "GET" ? "get" : "post", enctype: "text/plain" }); document.body.append(form);
                form.submit(); }""",
                [stronghold.url + path, method],
            )
        evil.close()
    assert stronghold.state() == before
    assert jar(windowed) == cookies
    assert page.evaluate(REFRESH, sid) == [200, sid]


@WHAT_PLAYWRIGHT_SEES
@EITHER
def test_no_endpoint_shows_itself_in_a_frame(stronghold: Fort, profile: BrowserContext, ports: dict[str, int]) -> None:
    """Clickjacking: the frame stays empty, under every neighbour."""
    for origin in NEIGHBOURS.values():
        evil: ChromiumPage = hostile(profile, origin.format(**ports))
        evil.evaluate(
            """(url) => new Promise((done) => { const frame = document.createElement("iframe");
            frame.src = url; frame.onload = done; document.body.append(frame); })""",
            stronghold.url + "/auth/jwks.json",
        )
        (framed,) = [frame for frame in evil.frames if frame != evil.main_frame]
        assert "kty" not in framed.content()
        evil.close()


@EITHER
def test_a_subdomain_cannot_plant_a_card_that_anybody_uses(
    stronghold: Fort, profile: Profile, ports: dict[str, int]
) -> None:
    """Cookies thrown from a sibling: the prefix keeps most out, the session's id keeps the rest from counting."""
    page, sid = sign_up(stronghold, profile)
    cookies = jar(profile)
    evil = hostile(profile, NEIGHBOURS["a sibling subdomain"].format(**ports))
    own = names_of(stronghold.url)
    for name in (own.refresh, SECURE_NAME, own.state):
        for path in ("/", "/auth", "/auth/refresh"):
            evil.evaluate(f"document.cookie = '{name}=planted; Domain=example.test; Path={path}; Secure'")
    planted = [cookie for cookie in profile.cookies() if cookie["value"] == "planted"]
    assert {str(cookie["name"]) for cookie in planted} <= {SECURE_NAME}
    kept = [cookie["value"] for cookie in profile.cookies() if cookie["name"] in own]
    assert sorted(kept) == sorted(cookies.values())
    assert page.evaluate(REFRESH, sid) == [200, sid]
    assert page.evaluate(REFRESH, sid) == [200, sid]


@pytest.mark.parametrize("stronghold", ["strict"], indirect=True)
@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        (f"{HOST_NAME}=planted; Path=/; Secure", False),
        ("__Http-x=planted; Path=/; Secure", False),
        ("__Secure-x=planted; Path=/", False),
        ("__Host-x=planted; Path=/auth; Secure", False),
        (f"__Host-x=planted; Path=/; Secure; Domain={HOST}", False),
        ("__Host-x=planted; Path=/; Secure", True),
    ],
)
def test_a_script_of_the_page_itself_can_plant_no_card(
    stronghold: Fort, profile: Profile, text: str, is_kept: bool
) -> None:
    """RC-03: `__Host-` alone would not keep a script from it, `__Host-Http-` does."""
    page = profile.new_page()
    page.goto(stronghold.url)
    page.evaluate("(text) => { document.cookie = text; }", text)
    assert (jar(profile) != {}) == is_kept
