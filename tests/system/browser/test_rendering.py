"""Pages that Node renders: the three examples, in a real browser before a real gate (PROTOCOL §10)."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from gatepass.testing.faults import FaultProxy
from tests.support import preloaded
from tests.support.full import FULL
from tests.support.node_example import NEXT, REACT_ROUTER, SVELTEKIT, Example, running
from tests.support.process import until_listening
from tests.system.browser.conftest import PASSWORD, ROOT
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("requests and console that Playwright sees")

ANN = {"email": "ann@example.com", "password": PASSWORD}
RELOADS = 240 if FULL else 12
OTHERS = [pytest.param(example, marks=pytest.mark.full) for example in (NEXT, SVELTEKIT)]
"""One of the three by default: to install and build Next.js and SvelteKit takes a hundred seconds of a processor."""
RELOADED = NEXT if FULL else REACT_ROUTER
LOST = 0.1
SEED = 16


class LossyProxy(FaultProxy):
    """Loses a share of all answers, drawn from a seed."""

    share = 0.0

    def __init__(self, upstream_port: int) -> None:
        super().__init__(upstream_port)
        self._random = random.Random(SEED)

    def _part_of(self, answer: bytes, path: str) -> bytes:
        return b"" if self._random.random() < self.share else super()._part_of(answer, path)


@dataclass(frozen=True)
class Site:
    """An example behind a proxy, with its gate."""

    proxy: LossyProxy

    @property
    def url(self) -> str:
        """What the browser sees."""
        return f"http://localhost:{self.proxy.port}"

    def let_run_out(self, profile: BrowserContext) -> None:
        """Take the page cookie out of the jar, as its Max-Age does, and the sign of an earlier resumption."""
        for name in ("page", "resumed"):
            profile.clear_cookies(name=f"gatepass_{name}_{self.proxy.port}")

    def refresh_cookie(self, profile: BrowserContext) -> str:
        """The Cookie header with the refresh token alone."""
        name = f"gatepass_{self.proxy.port}"
        (value,) = [each["value"] for each in profile.cookies() if each["name"] == name]
        return f"{name}={value}"


@contextmanager
def site(example: Example, folder: Path) -> Iterator[Site]:
    """Start everything, and make an account."""
    example.provide()
    api_port, pages_port = free_port(), free_port()
    with LossyProxy(api_port) as proxy:
        url = f"http://localhost:{proxy.port}"
        options = ("--port", api_port, "--public-port", proxy.port, "--pages-port", pages_port, "--folder", folder)
        command = [sys.executable, "-m", "tests.system.browser.rendering", *map(str, options)]
        api = preloaded.start(command, cwd=ROOT)
        try:
            until_listening(api, api_port)
            made = httpx2.post(f"{url}/auth/register", json=ANN, headers={"Gatepass-Client": "1"})
            assert made.status_code == 201
            with running(example, port=pages_port, api_port=api_port, public_url=url):
                yield Site(proxy)
        finally:
            api.terminate()
            api.wait(PATIENCE)


def sign_in(at: Site, page: Page) -> None:
    """From the notes, which are private, by the form, back to the notes."""
    page.goto(f"{at.url}/notes")
    expect(page).to_have_url(f"{at.url}/sign-in?next=%2Fnotes")
    page.get_by_label("Email").fill(ANN["email"])
    page.get_by_label("Password").fill(ANN["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{at.url}/notes")
    expect(page.locator("#person")).to_be_visible()


@pytest.mark.parametrize("example", [REACT_ROUTER, *OTHERS], ids=lambda each: each.name)
def test_a_person_signs_in_reads_rendered_pages_and_signs_out(
    example: Example, profile: BrowserContext, tmp_path: Path
) -> None:
    with site(example, tmp_path) as at:
        page = profile.new_page()
        sign_in(at, page)

        opened = page.goto(f"{at.url}/notes")
        assert opened is not None
        person = page.locator("#person").inner_text()
        assert person in opened.text(), "the server rendered it"
        assert {"private", "no-store"} & set(opened.headers["cache-control"].replace(" ", "").split(","))
        assert "gp_rt_" not in opened.text()

        page.get_by_label("Note").fill("milk")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_text("milk")).to_be_visible()
        expect(page.locator("#count")).to_have_text("1")

        # The page cookie has run out: once through the resume page.
        at.let_run_out(profile)
        page.goto(f"{at.url}/notes")
        expect(page.locator("#person")).to_have_text(person)
        expect(page).to_have_url(f"{at.url}/notes")
        assert at.proxy.count("/auth/resume", status=200) == 1

        # Also where the framework's router asks for the page.
        page.goto(at.url)
        until(lambda: at.proxy.count("/auth/refresh", status=200) >= 4, "the refresh of a page that was opened")
        at.let_run_out(profile)
        page.get_by_role("link", name="Your notes").click()
        expect(page.locator("#person")).to_have_text(person)
        expect(page).to_have_url(f"{at.url}/notes")

        # A link from another site finds the same.
        at.let_run_out(profile)
        elsewhere = profile.new_page()
        elsewhere.set_content(f'<a href="{at.url}/notes">Notes</a>')
        elsewhere.get_by_role("link").click()
        expect(elsewhere.locator("#person")).to_have_text(person)
        assert at.proxy.count("/sign-in") <= 2

        # A sign-out, which the other tab learns too.
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{at.url}/sign-in?next=%2Fnotes")
        expect(elsewhere).to_have_url(f"{at.url}/sign-in?next=%2Fnotes")
        page.goto(f"{at.url}/notes")
        expect(page).to_have_url(f"{at.url}/sign-in?next=%2Fnotes")


def test_hard_reloads_in_two_tabs_sign_nobody_out_while_answers_are_lost(
    profile: BrowserContext, tmp_path: Path
) -> None:
    with site(RELOADED, tmp_path) as at:
        tabs = [profile.new_page(), profile.new_page()]
        sign_in(at, tabs[0])
        person = tabs[0].locator("#person").inner_text()
        tabs[1].goto(f"{at.url}/notes")
        asked = at.proxy.count("/sign-in")
        at.proxy.share = LOST
        for number in range(RELOADS):
            if number % 4 == 3:
                at.let_run_out(profile)
            if number % 6 == 5:
                forward(at, profile)
            reload(tabs[number % 2], f"{at.url}/notes", person)
        at.proxy.share = 0.0
        for tab in tabs:
            reload(tab, f"{at.url}/notes", person)
        assert at.proxy.count("/sign-in") == asked, "no paint was of a person who is signed out"
        assert at.proxy.count("/auth/refresh", status=401) == 0

        # The session is ended elsewhere. The keys alone do not know, the API does: no loop, and the way to sign in.
        end_everywhere(at)
        tabs[0].goto(f"{at.url}/notes")
        expect(tabs[0]).to_have_url(f"{at.url}/sign-in?next=%2Fnotes")


def end_everywhere(at: Site) -> None:
    """As the person does on another device."""
    client = {"Gatepass-Client": "1"}
    other = httpx2.post(f"{at.url}/auth/login", json=ANN, headers=client).json()
    bearer = {**client, "Authorization": f"Bearer {other['access_token']}"}
    assert httpx2.post(f"{at.url}/auth/logout-all", headers=bearer).status_code == 204


def reload(tab: Page, url: str, person: str) -> None:
    """Open the page hard, again while the answer is lost, until it shows the person."""
    while True:
        try:
            tab.goto(url, wait_until="commit")
            until(lambda: tab.url.startswith("chrome-error:") or tab.locator("#person").count() == 1, "a page")
        except Error as error:
            if "net::ERR" not in str(error) and "interrupted" not in str(error):
                raise
            continue
        if not tab.url.startswith("chrome-error:"):
            assert tab.locator("#person").inner_text() == person
            return


def forward(at: Site, profile: BrowserContext) -> None:
    """What a server does that tries to refresh for its page: it is told where to read, and disturbs nothing."""
    headers = {"Cookie": at.refresh_cookie(profile), "Gatepass-Client": "1"}
    api = f"http://127.0.0.1:{at.proxy.upstream_port}"
    refused = httpx2.post(f"{api}/auth/refresh", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "proof-required")
    assert "A server that renders pages cannot refresh" in refused.json()["detail"]
