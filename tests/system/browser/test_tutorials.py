"""The pages of the framework tutorials in a real browser, each before the server of its tutorial, and behind Vite."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as ChromiumPage

from tests.support.process import until_listening
from tests.support.tutorial import ROOT, Reader, blocks, commands, is_server, serving
from tests.system.browser.conftest import until_at, until_page
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.person import fill, lines, press, until_said, until_there, without_errors
from tests.system.docs.test_tutorials import reader_of
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.one_scheme

PASSWORD = "seven green bottles"


@pytest.fixture
def page(profile: Profile) -> Iterator[Page]:
    page: Page = profile.new_page()
    with without_errors(page):
        yield page


def follow(framework: str, folder: Path) -> Reader:
    """Type what comes before the server, without the tests and installations."""
    reader = reader_of(framework, folder)
    for command in commands(reader.page):
        if is_server(command):
            break
        if command.text.startswith(("gatepass init", "printf")) or "migrat" in command.text:
            reader.run(command.text)
    return reader


def type_credentials(page: Page, password: str) -> None:
    fill(page, "E-mail", "ann@example.com")
    fill(page, "Password", password)


def sign_up(page: Page) -> None:
    type_credentials(page, PASSWORD)
    press(page, "Create an account")


def write_and_come_back(page: Page) -> None:
    """A note is there after a reload, and gone from the page after the sign-out."""
    fill(page, "New note", "milk")
    press(page, "Add")
    until(lambda: lines(page) == ["milk"])
    page.reload()
    until(lambda: lines(page) == ["milk"])
    press(page, "Sign out")
    until_there(page, "field", "E-mail")
    until_page(page, "!document.body.innerText.includes('milk')")


def test_the_page_of_the_flask_tutorial(tmp_path: Path, page: Page) -> None:
    reader = follow("flask", tmp_path)
    with serving(reader):
        page.goto(reader.url)
        sign_up(page)
        write_and_come_back(page)
        type_credentials(page, "another one than that")
        press(page, "Sign in")
        until_said(page, "Wrong address or password.", by="[role=alert]")


def test_the_page_of_the_django_tutorial_up_to_its_mailed_link(tmp_path: Path, page: Page) -> None:
    reader = follow("django", tmp_path)
    with serving(reader):
        page.goto(reader.url)
        sign_up(page)
        until_said(page, "Look into your mail.", by="[role=status]")
        said = reader.folder / "said"
        until(lambda: "#token=" in said.read_text("utf-8"), "the mail in the terminal")
        token = said.read_text("utf-8").partition("#token=")[2].split()[0]
        page.goto(f"{reader.url}/verify#token={token}")
        fill(page, "The password that you chose", PASSWORD)
        press(page, "Confirm the address")
        until_there(page, "field", "New note")
        until_at(page, f"{reader.url}/")
        write_and_come_back(page)


@contextlib.contextmanager
def vite(reader: Reader, port: int) -> Iterator[None]:
    """`npm run dev` in page/, before the server of the reader."""
    folder = reader.folder / "page"
    command = [
        str(folder / "node_modules" / ".bin" / "vite"),
        "--port",
        str(port),
        "--strictPort",
        "--host",
        "127.0.0.1",
    ]
    log = folder / "said"
    with log.open("wb") as said:
        # A session of its own: the node of a Python environment is a script that starts another process.
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, start_new_session=True)
        try:
            # Vite takes the port for a moment before, to see whether it is free.
            until(lambda: process.poll() is not None or b"Local:" in log.read_bytes(), "Vite's own word that it is up")
            until_listening(process, port)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


def test_the_page_of_the_fastapi_tutorial_behind_vite_as_the_chapter_on_development_says(
    tmp_path: Path, page: Page
) -> None:
    reader, port = follow("fastapi", tmp_path), free_port()
    settings = reader.folder / "gatepass.env"
    settings.write_text(settings.read_text("utf-8").replace(reader.port, str(port)), "utf-8")
    with serving(reader), vite(reader, port):
        page.goto(f"http://localhost:{port}")
        sign_up(page)
        write_and_come_back(page)


@pytest.mark.chromium_only("a state that Playwright saves and loads")
def test_a_saved_state_of_one_sign_in_is_refused_to_all_but_the_first_as_the_page_on_tests_says(
    tmp_path: Path, page: ChromiumPage, chromium: Browser
) -> None:
    reader = follow("flask", tmp_path)
    (e2e,) = [block.text for block in blocks(ROOT / "docs/guides/browser-testing.md") if block.title == "e2e.py"]
    (reader.folder / "e2e.py").write_text(e2e.replace("8000", reader.port), "utf-8")
    server = reader.start("flask --app e2e run --port 8000")
    try:
        page.goto(reader.url)
        sign_up(page)
        until_said(page, "ann@example.com", by="[role=status]")
        saved = page.context.storage_state()
        first, second = (chromium.new_context(storage_state=saved).new_page() for _ in range(2))
        for copy in (first, second):
            copy.goto(reader.url)
            until_there(copy, "field", "E-mail")
            copy.context.close()
        page.reload()
        until_said(page, "ann@example.com", by="[role=status]")
    finally:
        server.stop()
