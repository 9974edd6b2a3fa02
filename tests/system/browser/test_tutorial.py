"""The page of the tutorial in a real browser, step 6 to step 8, against the server of the tutorial."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.tutorial import Reader, commands, serving
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("Playwright's locators")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, port=free_port())
    reader.write_files()
    run(reader, "gatepass init")
    return reader


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context: BrowserContext = chromium.new_context()
    context.set_default_timeout(PATIENCE * 1_000)
    yield context.new_page()
    context.close()


def run(reader: Reader, start: str) -> str:
    """Type the one command of the page that begins so; what it prints."""
    (command,) = [command.text for command in commands() if start in command.text]
    return reader.run(command)


def status(page: Page) -> str:
    return page.get_by_role("status").inner_text().strip()


def lines(page: Page) -> list[str]:
    return page.get_by_role("listitem").all_inner_texts()


def call(page: Page) -> str:
    """Press the button; the line that it adds in the end."""
    before = len(lines(page))
    page.get_by_role("button", name="Call the API").click()
    until(lambda: any(not line.startswith("refresh: ") for line in lines(page)[before:]))
    return next(line for line in lines(page)[before:] if not line.startswith("refresh: "))


def call_until(page: Page, holds: Callable[[str], bool]) -> None:
    """Press the button again and again, as the token runs out, until its line is the one that is looked for."""
    until(lambda: holds(call(page)))


def test_the_page_survives_its_token_a_reload_and_a_server_that_is_away_until_it_is_signed_out_from_outside(
    reader: Reader, page: Page
) -> None:
    with serving(reader):
        run(reader, "accounts add")
        page.goto(reader.url)
        until(lambda: status(page) == "anonymous")
        page.get_by_label("E-mail").fill("ann@example.com")
        page.get_by_label("Password").fill("seven green bottles")
        page.get_by_role("button", name="Sign in").click()
        until(lambda: status(page) == "active ann@example.com")
        first = call(page)
        assert first.startswith("token ")
        call_until(page, lambda line: line.startswith("token ") and line != first)
        assert "refresh: ok" in lines(page)
        page.reload()
        until(lambda: status(page) == "active ann@example.com")
        assert call(page).startswith("token ")
    call_until(page, lambda line: status(page).startswith("degraded"))
    with serving(reader):
        call_until(page, lambda line: line.startswith("token "))
        assert status(page) == "active ann@example.com"
        assert run(reader, "sessions revoke").strip() == "ended 1"
        call_until(page, lambda line: "ended: revoked" in lines(page))
        assert status(page) == "ended"
