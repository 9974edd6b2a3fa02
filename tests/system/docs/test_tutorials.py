"""The tutorials of the frameworks: each file is the example's, each command is typed, and the page is type-checked."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.tutorial import ROOT, Reader, Server, blocks, commands, is_as_shown, is_server
from tests.system.docs.test_tutorial import code_of
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

FRAMEWORKS = ["django", "fastapi", "flask"]
PREPARED = ("mkdir -p notes", "python3 -m venv", "pip install", "cd page && npm install")
"""Steps that stand for the environment of the tests: a folder, the package with its extras, `web/node_modules`."""
COMPILER = {
    "compilerOptions": {
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "lib": ["es2023", "dom", "dom.iterable"],
        "jsx": "react-jsx",
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,
        "types": [],
    },
    "include": ["src"],
}


def page_of(framework: str) -> Path:
    return ROOT / "docs" / "tutorials" / f"{framework}.md"


def reader_of(framework: str, folder: Path) -> Reader:
    """A reader who has written every file of the page, and has the packages of npm if the page asks for any."""
    reader = Reader(folder, port=free_port(), page=page_of(framework))
    reader.write_files()
    if any("npm install" in command.text for command in commands(reader.page)):
        (reader.folder / "page" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    return reader


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_file_of_the_page_is_that_of_the_example_and_none_is_left_out(framework: str) -> None:
    example = ROOT / "examples" / f"notes_{framework}"
    shown = {block.title: block.text for block in blocks(page_of(framework)) if block.language != "console"}
    there = {path.relative_to(example).as_posix(): path for path in example.rglob("*.*") if path.suffix != ".pyc"}
    assert set(shown) == set(there)
    assert {title: there[title].read_text("utf-8") for title in shown} == shown


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_commands_of_the_page_print_what_it_shows(framework: str, tmp_path: Path) -> None:
    reader = reader_of(framework, tmp_path)
    servers: list[Server] = []
    for command in commands(reader.page):
        if is_server(command):
            servers.append(reader.start(command.text))
            try:
                assert code_of(f"{reader.url}/api/notes") == (401, "token-required")
            finally:
                servers[-1].stop()
        elif not command.text.startswith(PREPARED):
            said = reader.run(command.text)
            assert is_as_shown(said, command.output), f"{command.text} printed\n{said}"
    assert len(servers) == 1


@pytest.mark.slow
def test_the_react_page_has_no_type_errors(tmp_path: Path) -> None:
    page = reader_of("fastapi", tmp_path).folder / "page"
    (page / "tsconfig.json").write_text(json.dumps(COMPILER))
    compiler = page / "node_modules" / ".bin" / "tsc"
    done = subprocess.run(
        [str(compiler), "-p", "."], cwd=page, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
