"""The page on Django's users: its files are written, and its commands typed."""

from pathlib import Path

import pytest

from tests.support.tutorial import ROOT, Reader, commands, is_as_shown
from tools.services.ports import free_port

PAGE = ROOT / "docs" / "guides" / "django-at-home.md"
PREPARED = ("mkdir -p notes", "pip install")
"""Steps that stand for the environment of the tests."""


@pytest.mark.slow
def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    reader = Reader(tmp_path, port=free_port(), page=PAGE)
    reader.write_files()
    for command in commands(PAGE):
        if not command.text.startswith(PREPARED):
            said = reader.run(command.text.replace("||", "2>&1 ||"))
            assert is_as_shown(said, command.output), f"{command.text} printed\n{said}"
