"""A server where ann has an account, and a configuration folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepass.client import Client
from tests.cli.login.ann import EMAIL
from tests.client.harness import PASSWORD, Harness, open_harness


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A server where ann has an account, for all tests of this folder."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "mail").mkdir()
    with open_harness(folder, MAIL=f"file://{folder}/mail", MAIL_CODES="true", SECURITY_MAIL="false") as site:
        with Client(site.url) as client:
            client.sign_up(EMAIL, PASSWORD)
        yield site


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: Harness) -> Path:
    """A configuration folder of this test's own, and a network that works."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    site.proxy.go_online()
    return tmp_path / "config" / "gatepass" / "sessions"
