"""Sign-in at a provider on another site, in a real browser: which cookies go along on the way there and back."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.system.browser.conftest import (
    Stage,
    Stages,
    expire,
    open_tab,
    ping,
    resume,
    staged,
    status,
    until_at,
    until_page,
)
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.engines.variants import Variant
from tests.system.providers.conftest import start_mock, stop, until_up
from tools.services.patience import until
from tools.services.ports import free_port

ANN = "button[value=mock-ann]"
GO = """(options) => void fetch("/auth/oidc/mock/start", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Gatepass-Client": "1" },
    body: JSON.stringify(options),
}).then((response) => response.json()).then(({ location }) => window.location.assign(location))"""

WITH_KEY = """(options) => void stage.session.enter("/oidc/mock/start", options)
    .catch(({ problem }) => window.location.assign(problem.location))"""
"""The client makes a key, keeps it and sends it along; the answer is an address, and no session as yet."""


CLIENT = {"Gatepass-Client": "1"}
RECORD = """{
  window.sent = [];
  const send = window.fetch;
  window.fetch = (address, init) => (sent.push({ address: `${address}`, ...init }), send(address, init));
}"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider on 127.0.0.1: another site than localhost, to a browser."""
    port = free_port()
    process = start_mock(port)
    until_up(process, port, "oidc-provider-mock")
    yield f"http://127.0.0.1:{port}"
    stop(process)


@pytest.fixture
def stage(tmp_path: Path, stages: Stages, variant: Variant, issuer: str) -> Iterator[Stage]:
    """A page whose gate has the provider."""
    with staged(tmp_path, stages, variant, options=("--issuer", issuer)) as made:
        yield made


def sign_in_at_the_provider(page: Page) -> None:
    """Choose a person there: the browser is sent back."""
    until_page(page, f"document.querySelector('{ANN}')")
    page.click(ANN)


def came_back(page: Page, stage: Stage, path: str) -> None:
    """Wait for the page, and until it knows its session."""
    until_at(page, stage.url + path)
    resume(page)


def test_a_person_comes_back_signed_in_and_stays_so(stage: Stage, tab: Page, profile: Profile) -> None:
    tab.evaluate(GO, {"return_to": "/?after=sign-in"})
    sign_in_at_the_provider(tab)
    came_back(tab, stage, "/?after=sign-in")
    assert status(tab) == "active"
    assert "account" in ping(tab)
    other = open_tab(stage, profile)
    assert status(other) == "active"
    # WebKit's driver tells of none in a page that another site has led to.
    cookies = {cookie["name"]: cookie for cookie in other.context.cookies() if "gatepass" in cookie["name"]}
    assert set(cookies) == {stage.names.refresh, stage.names.state}, "the errand is over"
    refresh = cookies[stage.names.refresh]
    assert (refresh["sameSite"], refresh["httpOnly"]) == ("Strict", True)


def test_the_key_of_the_page_goes_along_and_its_first_refresh_proves_it(stage: Stage, tab: Page) -> None:
    stage.run_before(RECORD)
    tab.evaluate(WITH_KEY, {"return_to": "/"})
    sign_in_at_the_provider(tab)
    came_back(tab, stage, "/")
    refresh = tab.evaluate("sent.find(({ address }) => address.endsWith('/auth/refresh'))")
    assert "Gatepass-Proof" in refresh["headers"]
    assert "binding_secret" not in (refresh["body"] or ""), "the server knows the key"
    assert status(tab) == "active"
    expire(tab)
    assert "account" in ping(tab)


def test_two_tabs_at_once_both_come_back(stage: Stage, tab: Page, profile: Profile) -> None:
    other = open_tab(stage, profile)
    for page, path in ((tab, "/?tab=1"), (other, "/?tab=2")):
        page.evaluate(GO, {"return_to": path})
    sign_in_at_the_provider(other)
    came_back(other, stage, "/?tab=2")
    sign_in_at_the_provider(tab)
    came_back(tab, stage, "/?tab=1")
    assert status(tab) == "active"


def test_the_answer_of_another_browser_signs_nobody_in(stage: Stage, tab: Page) -> None:
    """An attacker sends the way back of a sign-in of its own: no session of the attacker begins."""
    with httpx2.Client() as attacker:
        start = attacker.post(f"{stage.direct_url}/auth/oidc/mock/start", json={"return_to": "/"}, headers=CLIENT)
        way = start.json()["location"]
        back = attacker.post(way, data={"sub": "mock-ann"}).headers["location"]
    tab.goto(back)
    until(lambda: stage.proxy.count("/auth/oidc/mock/callback") == 1, "the answer")
    assert stage.proxy.count("/auth/oidc/mock/callback", status=400) == 1
    assert tab.context.cookies() == []
