"""The client of the page for other platforms, against a real server, and its commands of curl."""

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import gatepass, serving
from tests.support.tutorial import ROOT, Reader, blocks, commands, is_as_shown
from tools.services.ports import free_port

PAGE = ROOT / "docs" / "guides" / "native-clients.md"
EXAMPLE = ROOT / "examples" / "native_client" / "client.py"
EMAIL, PASSWORD = "ann@example.com", "seven green bottles"
pytestmark = pytest.mark.slow


def test_the_page_shows_the_client_as_it_is() -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.title == "client.py"]
    assert shown == EXAMPLE.read_text("utf-8")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one account."""
    folder, port = tmp_path_factory.mktemp("native"), free_port()
    assert gatepass(folder, "init", "--public-url", f"http://localhost:{port}").returncode == 0
    assert gatepass(folder, "accounts", "add", EMAIL, stdin=PASSWORD + "\n").returncode == 0
    with serving(folder, port=port):
        yield f"http://localhost:{port}"


@pytest.fixture
def start(url: str, tmp_path: Path) -> Callable[[], Any]:
    """The program started anew, with what it has stored."""
    program = runpy.run_path(str(EXAMPLE))
    return lambda: program["Client"](url, tmp_path / "session.json")


def me(client: Any) -> Any:
    return client.call("GET", "/auth/me").json().get("email")


def test_it_stays_signed_in_over_restarts_and_many_refreshes(start: Callable[[], Any]) -> None:
    client = start()
    client.sign_in(EMAIL, PASSWORD)
    for _ in range(3):
        assert me(client) == EMAIL
        client = start()
    assert client._state["generation"] == 2, "each restart refreshed, as the token was in memory only"


def test_a_lost_answer_is_asked_for_again_and_ends_nothing(start: Callable[[], Any], tmp_path: Path) -> None:
    client = start()
    client.sign_in(EMAIL, PASSWORD)
    kept = (tmp_path / "session.json").read_bytes()
    client.refresh()
    (tmp_path / "session.json").write_bytes(kept)  # the answer never arrived
    assert me(start()) == EMAIL


def test_a_copy_without_the_key_gets_nothing_and_the_owner_goes_on(start: Callable[[], Any], tmp_path: Path) -> None:
    owner = start()
    owner.sign_in(EMAIL, PASSWORD)
    thief = start()
    thief._state["key"] = "00" * 32
    with pytest.raises(Exception, match="403"):
        thief.refresh()
    owner.refresh()
    assert me(start()) == EMAIL


def test_a_session_that_ended_elsewhere_is_forgotten(start: Callable[[], Any], tmp_path: Path) -> None:
    client = start()
    client.sign_in(EMAIL, PASSWORD)
    other = start()
    client.sign_out()
    with pytest.raises(Exception, match="revoked"):
        other.refresh()
    assert not (tmp_path / "session.json").exists()


def test_its_file_is_for_its_owner_and_gone_after_the_sign_out(start: Callable[[], Any], tmp_path: Path) -> None:
    client = start()
    client.sign_in(EMAIL, PASSWORD)
    file = tmp_path / "session.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(file.read_text())) == {"key", "sid", "generation", "challenge", "cookie"}
    client.sign_out()
    assert not file.exists()


def test_the_commands_of_curl_print_what_the_page_shows(tmp_path: Path) -> None:
    reader = Reader(tmp_path, port=free_port(), page=PAGE)
    first, *rest = commands(PAGE)
    reader.run(f"{first.text} --public-url {reader.url}")
    said = reader.run(rest[0].text)
    assert is_as_shown(said, rest[0].output)
    with serving(reader.folder, port=int(reader.port)):
        for command in rest[1:]:
            said = reader.run(command.text)
            assert is_as_shown(said, command.output), f"{command.text} printed\n{said}"
