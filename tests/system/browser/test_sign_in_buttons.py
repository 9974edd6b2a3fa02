"""The example page with sign-in buttons, in a real browser, before two providers that others wrote."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.system.browser.conftest import ROOT, Stages, prepared
from tests.system.docs.test_tutorials import COMPILER
from tests.system.providers.conftest import start_mock, stop, until_up
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("keys, the way back, and cookies that are copied to another profile")

EXAMPLE = ROOT / "examples" / "sign_in_buttons"
MODULES = ROOT / "web" / "node_modules"
NAMES = ("google", "microsoft")


def run(program: Path, *arguments: str, folder: Path) -> None:
    """Run a program of the page's packages to its end."""
    done = subprocess.run(
        ["node", str(program), *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its packages, built."""
    folder = tmp_path_factory.mktemp("example") / "page"
    shutil.copytree(EXAMPLE, folder)
    (folder / "node_modules").symlink_to(MODULES)
    run(MODULES / "vite" / "bin" / "vite.js", "build", "--logLevel", "error", folder=folder)
    return folder


@pytest.fixture(scope="module")
def issuers() -> Iterator[list[str]]:
    """Two providers on 127.0.0.1: another site than localhost, to a browser."""
    ports = [free_port() for _ in NAMES]
    processes = [start_mock(port) for port in ports]
    for process, port in zip(processes, ports, strict=True):
        until_up(process, port, "oidc-provider-mock")
    yield [f"http://127.0.0.1:{port}" for port in ports]
    for process in processes:
        stop(process)


@pytest.fixture
def url(example: Path, stages: Stages, tmp_path: Path, issuers: list[str]) -> str:
    """The built page before a gate with both providers."""
    port = free_port()
    providers = [f"{name}={issuer}" for name, issuer in zip(NAMES, issuers, strict=True)]
    stages.start(
        port, "--public-port", str(port), "--folder", tmp_path, "--page", example / "dist", "--providers", *providers
    )
    return f"http://localhost:{port}/"


def press(page: Page, name: str) -> None:
    """By the keyboard, as a person without a mouse."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_have_attribute("aria-disabled", "false")  # what was pressed before is done
    button.focus()
    button.press("Enter")


def choose_ann(page: Page, url: str) -> None:
    """Sign in at the provider: the browser is sent back."""
    page.locator("button[value=mock-ann]").click()
    page.wait_for_url(url)


def test_a_person_signs_in_with_a_button_links_another_provider_unlinks_and_signs_out(
    url: str, profile: BrowserContext, chromium: Browser
) -> None:
    page = profile.new_page()
    page.goto(url)
    press(page, "Sign in with Google")
    choose_ann(page, url)
    expect(page.get_by_role("status")).to_have_text("ann@example.com")
    expect(page.get_by_role("alert")).to_be_empty()
    page.reload()
    expect(page.get_by_role("status")).to_have_text("ann@example.com")

    thief = prepared(chromium.new_context())
    thief.add_cookies(profile.storage_state()["cookies"])  # type: ignore[arg-type]
    copied = thief.new_page()
    with copied.expect_response("**/auth/refresh") as refused:
        copied.goto(url)
    assert refused.value.json()["code"] == "proof-required"
    expect(copied.get_by_role("button", name="Sign in with Google")).to_be_visible()
    thief.close()

    press(page, "Unlink Google")
    expect(page.get_by_role("alert")).to_have_text("This is your only way in. Link another provider first.")
    press(page, "Link Microsoft")
    choose_ann(page, url)
    expect(page.get_by_role("list", name="Ways to sign in").get_by_role("listitem")).to_have_count(2)
    press(page, "Unlink Google")
    expect(page.get_by_role("button", name="Link Google")).to_be_visible()
    press(page, "Sign out")
    expect(page.get_by_role("button", name="Sign in with Google")).to_be_visible()
    press(page, "Sign in with Microsoft")
    choose_ann(page, url)
    expect(page.get_by_role("status")).to_have_text("ann@example.com")
    press(page, "Sign out there too")
    page.wait_for_url("**/oauth2/end_session?*")
    page.goto(url)
    expect(page.get_by_role("button", name="Sign in with Google")).to_be_visible()


def test_a_person_who_changes_their_mind_finds_buttons_that_work(url: str, profile: BrowserContext) -> None:
    page = profile.new_page()
    page.goto(url)
    press(page, "Sign in with Google")
    page.locator("button[value=mock-ann]").wait_for()
    page.go_back()
    press(page, "Sign in with Microsoft")
    choose_ann(page, url)
    expect(page.get_by_role("status")).to_have_text("ann@example.com")


def test_an_error_of_the_way_back_is_said_once_and_leaves_the_address(url: str, profile: BrowserContext) -> None:
    page = profile.new_page()
    page.goto(f"{url}?gatepass_error=access-denied")
    alert = page.get_by_role("alert")
    expect(alert).to_have_text("You did not sign in there.")
    expect(alert).to_be_focused()
    assert page.url == url
    page.reload()
    expect(page.get_by_role("button", name="Sign in with Google")).to_be_visible()
    expect(alert).to_be_empty()


@pytest.mark.slow
def test_the_example_has_no_type_errors_and_its_tests_pass(example: Path) -> None:
    (example / "tsconfig.json").write_text(json.dumps(COMPILER))
    run(MODULES / "typescript" / "bin" / "tsc", "-p", ".", folder=example)
    run(MODULES / "vitest" / "vitest.mjs", "run", folder=example)
