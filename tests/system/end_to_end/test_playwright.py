"""`gatepass/playwright` under the real Playwright Test: many tests, four workers, retries, saved states."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.full import FULL
from tests.system.end_to_end.server import TestedServer, serving
from tools.services.chromium import ARGUMENTS, find_shell
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow
WEB = Path(__file__).resolve().parents[3] / "web"
COUNT = 200 if FULL else 8
THEFT = {"authn_token_reuse", "session_revoked", "session_expired"}


@pytest.fixture
def server() -> Iterator[TestedServer]:
    with serving() as server:
        yield server


def run(server: TestedServer, spec: str, folder: Path, *, workers: int) -> dict[str, Any]:
    """The report of Playwright Test. Each worker starts a browser."""
    program = WEB / "node_modules" / ".bin" / "playwright"
    variables = {
        "BASE_URL": server.url,
        "CHROMIUM_PATH": find_shell() or "",
        "CHROMIUM_ARGUMENTS": json.dumps(ARGUMENTS),
        "OUTPUT": str(folder / "results"),
        "COUNT": str(COUNT),
    }
    command = [str(program), "test", "--config", str(WEB / "end-to-end" / "playwright"), spec]
    command += ["--workers", str(workers)]
    done = subprocess.run(
        command,
        cwd=WEB,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 10,
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        pytest.fail(done.stdout + done.stderr)
    assert (done.returncode, report["errors"]) == (0, []), done.stdout[-5000:] + done.stderr
    return report


def test_each_attempt_of_many_tests_in_four_workers_is_signed_in_to_its_end(
    server: TestedServer, tmp_path: Path
) -> None:
    stats = run(server, "crowd.spec", tmp_path, workers=4)["stats"]
    flaky = len(range(0, COUNT, 5))
    assert (stats["expected"], stats["flaky"], stats["unexpected"]) == (COUNT - flaky + 1, flaky, 0)
    assert server.count("session_created") == COUNT + flaky + 1
    assert {event.name for event in server.events} & THEFT == {"session_revoked"}, "of the one who signed out"
    assert server.count("session_revoked") == 1
    assert server.count("authn_refresh_unproven") == 0


def test_a_saved_state_is_told_in_one_sentence_and_is_no_theft(server: TestedServer, tmp_path: Path) -> None:
    stats = run(server, "saved-state.spec", tmp_path, workers=1)["stats"]
    assert (stats["expected"], stats["flaky"], stats["unexpected"]) == (6, 0, 0)
    assert not {"authn_token_reuse"} & {event.name for event in server.events}


PYTHON = """
import os

import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture
def base_url():
    return os.environ["BASE_URL"]


@pytest.fixture
def context():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=os.environ["CHROMIUM_PATH"], args=os.environ["CHROMIUM_ARGUMENTS"].split()
        )
        yield browser.new_context()
        browser.close()


def test_a_page_is_signed_in(context, base_url, gatepass_sign_in_browser):
    account = gatepass_sign_in_browser("ann@example.com")
    page = context.new_page()
    page.goto(base_url)
    for _ in range(2):
        page.evaluate("stage.ready.then(() => null)")
        assert page.evaluate("stage.session.getSnapshot().status") == "active"
        assert page.evaluate("stage.api.get('/api/ping').then(r => r.data.account)") == account["id"]
        page.reload()
"""


def test_a_context_of_playwright_for_python_begins_signed_in(server: TestedServer, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(PYTHON)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    variables = {
        "BASE_URL": server.url,
        "CHROMIUM_PATH": find_shell() or "",
        "CHROMIUM_ARGUMENTS": " ".join(ARGUMENTS),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "gatepass.testing.plugin", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert server.count("authn_refresh_unproven") == 0
