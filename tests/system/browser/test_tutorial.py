"""The page of the tutorial in a real browser, step 6 to step 8, against the server of the tutorial."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.tutorial import Reader, commands, serving
from tests.system.browser.engines.interface import Engine, Page
from tests.system.browser.engines.variants import Variant
from tests.system.browser.person import fill, lines, press
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.one_scheme


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    reader = Reader(tmp_path, port=free_port())
    reader.write_files()
    run(reader, "gatepass init")
    return reader


@pytest.fixture
def page(request: pytest.FixtureRequest, variant: Variant, engine: Engine) -> Iterator[Page]:
    """Of a profile whose time runs by itself: tokens run out."""
    if variant.browser == "chromium":
        profile = request.getfixturevalue("chromium").new_context()
        profile.set_default_timeout(PATIENCE * 1_000)
    else:
        profile = engine.new_profile()
    yield profile.new_page()
    profile.close()


def run(reader: Reader, start: str) -> str:
    """Type the one command of the page that begins so; what it prints."""
    (command,) = [command.text for command in commands() if start in command.text]
    return reader.run(command)


def status(page: Page) -> str:
    (said,) = lines(page, "[role=status]")
    return said


def call(page: Page) -> str:
    """Press the button; the line that it adds in the end."""
    before = len(lines(page))
    press(page, "Call the API")
    until(lambda: any(not line.startswith("refresh: ") for line in lines(page)[before:]))
    return next(line for line in lines(page)[before:] if not line.startswith("refresh: "))


def call_until(page: Page, holds: Callable[[str], bool]) -> None:
    """Press the button each second, as the token runs out, until its line is the one that is looked for."""
    until(lambda: holds(call(page)), pause=1.0)


def test_the_page_survives_its_token_a_reload_and_a_server_that_is_away_until_it_is_signed_out_from_outside(
    reader: Reader, page: Page
) -> None:
    with serving(reader):
        run(reader, "accounts add")
        page.goto(reader.url)
        until(lambda: status(page) == "anonymous")
        fill(page, "E-mail", "ann@example.com")
        fill(page, "Password", "seven green bottles")
        press(page, "Sign in")
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
