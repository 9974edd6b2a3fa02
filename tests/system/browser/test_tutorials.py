"""The pages of the framework tutorials in a real browser, each before the server of its tutorial, and behind Vite."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.process import until_listening
from tests.support.tutorial import ROOT, Reader, blocks, commands, is_server, serving
from tests.system.docs.test_tutorials import reader_of
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("Playwright's locators")

PASSWORD = "seven green bottles"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context: BrowserContext = chromium.new_context()
    context.set_default_timeout(PATIENCE * 1_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


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
    page.get_by_label("E-mail").fill("ann@example.com")
    page.get_by_role("textbox", name="Password", exact=True).fill(password)


def sign_up(page: Page) -> None:
    type_credentials(page, PASSWORD)
    page.get_by_role("button", name="Create an account").click()


def write_and_come_back(page: Page) -> None:
    """A note is there after a reload, and gone from the page after the sign-out."""
    page.get_by_label("New note").fill("milk")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem")).to_have_text(["milk"])
    page.reload()
    expect(page.get_by_role("listitem")).to_have_text(["milk"])
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    expect(page.get_by_text("milk")).to_be_hidden()


def test_the_page_of_the_flask_tutorial(tmp_path: Path, page: Page) -> None:
    reader = follow("flask", tmp_path)
    with serving(reader):
        page.goto(reader.url)
        sign_up(page)
        write_and_come_back(page)
        type_credentials(page, "another one than that")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("Wrong address or password.")


def test_the_page_of_the_django_tutorial_up_to_its_mailed_link(tmp_path: Path, page: Page) -> None:
    reader = follow("django", tmp_path)
    with serving(reader):
        page.goto(reader.url)
        sign_up(page)
        expect(page.get_by_role("status")).to_have_text("Look into your mail.")
        said = reader.folder / "said"
        until(lambda: "#token=" in said.read_text("utf-8"), "the mail in the terminal")
        token = said.read_text("utf-8").partition("#token=")[2].split()[0]
        page.goto(f"{reader.url}/verify#token={token}")
        page.get_by_label("The password that you chose").fill(PASSWORD)
        page.get_by_role("button", name="Confirm the address").click()
        expect(page.get_by_label("New note")).to_be_visible()
        assert page.url == f"{reader.url}/"
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


def test_a_saved_state_of_one_sign_in_is_refused_to_all_but_the_first_as_the_page_on_tests_says(
    tmp_path: Path, page: Page, chromium: Browser
) -> None:
    reader = follow("flask", tmp_path)
    (e2e,) = [block.text for block in blocks(ROOT / "docs/guides/browser-testing.md") if block.title == "e2e.py"]
    (reader.folder / "e2e.py").write_text(e2e.replace("8000", reader.port), "utf-8")
    server = reader.start("flask --app e2e run --port 8000")
    try:
        page.goto(reader.url)
        sign_up(page)
        expect(page.get_by_role("status")).to_have_text("ann@example.com")
        saved = page.context.storage_state()
        first, second = (chromium.new_context(storage_state=saved).new_page() for _ in range(2))
        for copy in (first, second):
            copy.goto(reader.url)
            expect(copy.get_by_label("E-mail")).to_be_visible()
            copy.context.close()
        page.reload()
        expect(page.get_by_role("status")).to_have_text("ann@example.com")
    finally:
        server.stop()
