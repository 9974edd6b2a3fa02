"""How run.py runs what consists of several steps: one line for each in the end, whatever comes of it."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

SUMS_UP = re.compile(r"^[= ]*((?:Tests? .*)?\b\d+ (?:passed|failed|error).*?)[= ]*$", re.MULTILINE)
"""pytest's last line, and Vitest's two for each package."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Failure(Exception):
    """What stands in the way, and what to do about it, in one sentence."""


def say(text: str) -> None:
    """What takes a while."""
    print(f"· {text} …", flush=True)


def run(
    *command: str | Path, folder: Path, environment: Mapping[str, str], quiet: bool = False, advice: str = ""
) -> None:
    """Run a command; if it fails, show its output and raise a Failure that ends with `advice`."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout or "")
        name = Path(str(command[0])).name
        raise Failure(f"{name} failed (exit {done.returncode}); its output is above. {advice}".rstrip())


def passes(name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> bool:
    """Run one step of the check; its output is shown only if it fails."""
    start = time.monotonic()
    done = subprocess.run(_found(command, environment), cwd=folder, env=environment, capture_output=True, check=False)
    verdict = "FAILED" if done.returncode else "ok"
    print(f"{name:22} {verdict:7} {time.monotonic() - start:5.1f} s", flush=True)
    if done.returncode:
        print((done.stdout + done.stderr).decode(errors="replace"), flush=True)
    return done.returncode == 0


def watch(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], screen: BinaryIO | None = None
) -> tuple[int, list[str]]:
    """Run a command before the reader's eyes: its exit code, and the lines with which it sums up.

    `screen` takes what it prints, in place of standard output.
    """
    screen = screen or sys.stdout.buffer
    coloured = {**environment, "FORCE_COLOR": "1"} if sys.stdout.isatty() else environment
    said = bytearray()
    with subprocess.Popen(
        _found(command, environment),
        cwd=folder,
        env=coloured,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(65536):
            screen.write(piece)
            screen.flush()
            said += piece
    return process.returncode, SUMS_UP.findall(COLOUR.sub("", said.decode(errors="replace")))


def on_path(first: Path) -> dict[str, str]:
    """The variables of this process, with the programs of one folder before all others."""
    return {**os.environ, "PATH": f"{first}{os.pathsep}{os.environ.get('PATH', '')}"}


def _found(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command with its program looked up in the PATH of `environment`, not in ours."""
    return [shutil.which(command[0], path=environment["PATH"]) or command[0], *command[1:]]
