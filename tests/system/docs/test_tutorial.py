"""Every command of the tutorial is typed, in its order, and prints what the page shows."""

import json
import re
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.tutorial import PAGE, ROOT, Command, Reader, Server, blocks, commands, is_as_shown, is_server
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

PREPARED = ("mkdir -p notes", "python3 -m venv", "pip install")
"""Steps that stand for the environment of the tests: an empty folder, and this package with its extras."""


def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    reader = Reader(tmp_path, port=free_port())
    reader.write_files()
    servers: list[Server] = []
    try:
        for command in commands():
            if is_server(command):
                servers.append(reader.start(command.text))
                assert code_of(f"{reader.url}/api/me") == (401, "token-required")
            elif not command.text.startswith(PREPARED):
                check(command, reader.run(command.text))
    finally:
        for server in servers:
            server.stop()
    assert len(servers) == 1


def check(command: Command, said: str) -> None:
    assert is_as_shown(said, command.output), f"{command.text} printed\n{said}"
    if command.text == "python program.py":
        tokens = re.findall(r"^token (\S+)$", said, flags=re.MULTILINE)
        assert len(tokens) == 3
        assert tokens[0] != tokens[2], "the token of the first call cannot have lived until the third"
    if command.text.startswith("gatepass sessions revoke"):
        assert said.strip() == "ended 0", "the program signed out, and no browser has signed in here"


def code_of(url: str) -> tuple[int, str]:
    """The status and the problem code of a refused request."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=PATIENCE)
    with refused.value as answer:
        return answer.code, json.load(answer)["code"]


def test_what_is_installed_is_offered_and_is_all_that_is_imported() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    (install,) = [command.text for command in commands() if command.text.startswith("pip install")]
    (names,) = re.findall(r"gatepass\[([a-z,]+)\]", install)
    assert set(names.split(",")) <= set(extras)
    needed = {"server": "uvicorn app:app", "cli": "gatepass ", "client": "gatepass.client", "fastapi": "fastapi"}
    text = PAGE.read_text("utf-8")
    assert {extra for extra, sign in needed.items() if sign in text} == set(names.split(","))


def test_every_block_is_a_file_or_has_commands() -> None:
    text = PAGE.read_text("utf-8")
    assert text.count("\n```") == 2 * len(blocks())
    assert {block.title for block in blocks() if block.language != "console"} == {
        "app.py",
        "program.py",
        "page/index.html",
        "page/app.js",
    }


def test_other_output_than_the_page_shows_is_noticed() -> None:
    assert is_as_shown("made account 17 for ann\n", "made account … for ann\n")
    assert not is_as_shown("made account 17 for bob\n", "made account … for ann\n")
    assert is_as_shown("a\nb\nc\n", "a\n…\n")
    assert not is_as_shown("", "a\n")
