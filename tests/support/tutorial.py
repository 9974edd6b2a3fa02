"""A tutorial as a program: its files are written, its commands typed, its output compared, all from the page itself.

A block with a title is a file of that name; a `console` block has commands after `$ ` and what they print. `…` stands
for anything. The port of the page is another one here, so that tests can run side by side.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support import preloaded
from tests.support.full import FULL
from tests.support.process import until_listening
from tools.services.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
PORT = "8000"
PYTHON = {"python": (), "flask": ("-m", "flask"), "gatepass": ("-m", "gatepass"), "uvicorn": ("-m", "uvicorn")}
"""The programs of the pages that are Python's, and how the interpreter starts them."""
_FOR_A_SHELL = set("|&;<>$*~")
_BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block with a title."""

    language: str
    title: str
    text: str


class Command(NamedTuple):
    """A command and the output that the page shows."""

    text: str
    output: str


def blocks(page: Path = PAGE) -> list[Block]:
    """All blocks of a page that have a title, in their order."""
    return [Block(*match) for match in _BLOCK.findall(page.read_text("utf-8"))]


def commands(page: Path = PAGE) -> list[Command]:
    """All commands of a page, in their order."""
    found = []
    for block in blocks(page):
        if block.language == "console":
            parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
            assert parts[0] == "", f"a console block begins with a command: {block.text}"
            found += [Command(*part.partition("\n")[::2]) for part in parts[1:]]
    return found


class Program(NamedTuple):
    """What a command starts."""

    words: list[str]
    variables: dict[str, str]


def program_of(command: str, variables: Mapping[str, str]) -> Program:
    """A plain command of a Python program without a shell, which may be a fork; all others, and in full, with one."""
    words, given = shlex.split(command), dict(variables)
    while "=" in words[0]:
        name, _, given[name] = words.pop(0).partition("=")
    if FULL or _FOR_A_SHELL & set(command) or words[0] not in PYTHON:
        return Program(["bash", "-c", command], dict(variables))
    return Program([sys.executable, *PYTHON[words[0]], *words[1:]], given)


def is_as_shown(said: str, shown: str) -> bool:
    """Whether the output is what the page shows; `…` stands for anything, also for lines."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, said.strip(), flags=re.DOTALL) is not None


def is_server(command: Command) -> bool:
    """Whether the command goes on until Ctrl-C."""
    return command.text.startswith("uvicorn") or " run --port" in command.text or " runserver " in command.text


class Reader:
    """Follows a tutorial in a folder of its own."""

    def __init__(self, folder: Path, *, port: int, page: Path = PAGE) -> None:
        self.page = page
        self.port = str(port)
        self.folder = folder / "notes"
        self.url = f"http://localhost:{port}"
        self.folder.mkdir()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEPASS_", "XDG_"))}
        scripts = sysconfig.get_path("scripts")
        path = f"{scripts}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**clean, "HOME": str(folder), "PATH": path, "PYTHONUNBUFFERED": "1"}

    def write_files(self) -> None:
        """Write every file of the page."""
        for block in blocks(self.page):
            if block.language != "console":
                place = self.folder / block.title
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(self._here(block.text), "utf-8")

    def run(self, command: str) -> str:
        """Type a command; what it prints."""
        program = program_of(self._here(command), self._environment)
        done = preloaded.run(
            program.words,
            cwd=self.folder,
            env=program.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        settings = self.folder / "gatepass.env"
        if settings.is_file():
            settings.write_text(self._here(settings.read_text("utf-8")), "utf-8")
        return str(done.stdout)

    def start(self, command: str) -> "Server":
        """Type a command that goes on, and wait until it listens."""
        return Server(self._here(command), folder=self.folder, environment=self._environment, port=int(self.port))

    def _here(self, text: str) -> str:
        return text.replace(PORT, self.port)


class Server:
    """The server of the page."""

    def __init__(self, command: str, *, folder: Path, environment: dict[str, str], port: int) -> None:
        self._said = (folder / "said").open("wb")
        program = program_of(command, environment)
        words, in_a_shell = program.words, {}
        if words[0] == "bash":
            words, in_a_shell = ["bash", "-c", f"exec env {command}"], {"preexec_fn": _hear_interrupts}
        self._process = preloaded.start(
            words, cwd=folder, env=program.variables, stdout=self._said, stderr=subprocess.STDOUT, **in_a_shell
        )
        until_listening(self._process, port)

    def stop(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        self._said.close()


def _hear_interrupts() -> None:
    """As in a terminal: what a shell starts in the background, such as a whole run of tests, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def serving(reader: Reader) -> Iterator[None]:
    """The server, started as the page says, until the block ends."""
    (command,) = [command for command in commands(reader.page) if is_server(command)]
    server = reader.start(command.text)
    try:
        yield
    finally:
        server.stop()
