"""Every command that the documentation tells people to type is there, and is tried: here, in a test, or by hand."""

import re
from pathlib import Path

import click
import pytest

from gatepass.cli import main
from tools.command_ways import ByTest, Run, way_of
from tools.commands import attempt
from tools.documented import ROOT, Command, commands, commands_of

COMMANDS = commands()
OURS = [command.text for command in COMMANDS if command.text.startswith("gatepass ")]
RUN = [command.text for command in COMMANDS if "run.py " in command.text and "COMMAND" not in command.text]
HERE = [command for command in COMMANDS if command.text in OURS and isinstance(way_of(command), Run)]
USUAL = {"gatepass init", "gatepass doctor", "gatepass migrate --check"}
"""`run.py commands` and a full run try all; most are tried in tests/cli as well."""


def test_each_has_a_row() -> None:
    assert len(COMMANDS) > 40
    assert [command for command in COMMANDS if way_of(command) is None] == [], "give it a row in tools/command_ways.py"


@pytest.mark.parametrize("text", OURS)
def test_the_program_has_it(text: str) -> None:
    """The words up to the first argument name a command, and that has the options."""
    command: click.Command = main
    words = text.split()[1:]
    while words and isinstance(command, click.Group):
        found = command.commands.get(words[0])
        assert found is not None, f"{command.name} has no {words[0]}"
        command, words = found, words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known


@pytest.mark.parametrize("text", RUN)
def test_run_py_has_it(text: str) -> None:
    name, *arguments = text.partition("run.py ")[2].split()
    assert f'    "{name}": {name},' in (ROOT / "run.py").read_text("utf-8")
    if name == "bench" and arguments[0] != "--all":
        (file,) = (ROOT / "benchmarks").glob(f"{arguments[0]}.*")
        for option in (word for word in arguments if word.startswith("--")):
            assert f'"{option}"' in file.read_text("utf-8")
    for path in (word for word in arguments if word.startswith("tests/")):
        assert (ROOT / path).exists()


def test_every_test_that_a_row_names_is_there() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    used = {way for command in COMMANDS if isinstance(way := way_of(command), ByTest)}
    assert [way.by for way in used if not re.search(rf"(def|class) {way.by}\b", tests)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=() if command.text in USUAL else pytest.mark.full, id=command.text)
        for command in HERE
    ],
)
def test_it_succeeds_in_an_empty_folder(command: Command, tmp_path: Path) -> None:
    way = way_of(command)
    assert isinstance(way, Run)
    assert attempt(command.text, way, tmp_path) == ""


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    page = """
Type `gatepass keys list | retire KID`, or `gatepass serve [--workers N]`; `gatepass` is the program, `x serve` is not.

```sh
# a comment
echo 'a password' | gatepass accounts add ann@example.com   # and a remark
```

```console
$ gatepass whoami
gatepass is not a command here
```

```python
gatepass = "no command"
```

    python3 run.py bench guard     a remark
"""
    assert list(commands_of(page)) == [
        "echo 'a password' | gatepass accounts add ann@example.com",
        "gatepass whoami",
        "python3 run.py bench guard",
        "gatepass keys list",
        "gatepass keys retire KID",
        "gatepass serve",
    ]


def test_a_command_that_nobody_thought_about_is_noticed() -> None:
    assert way_of(Command("python3 run.py fly", "README.md")) is None
    assert way_of(Command("curl https://example.com", "README.md")) is None
