"""Runs what the documentation tells people to type, as `python3 run.py commands`.

Every command that `tools/documented.py` finds has a row in `tools/command_ways.py` that says how it is tried.
tests/…/test_commands.py fails for a command without a row, for one that the program does not have, and for a row that
names no test.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tools.command_ways import INIT, PASSWORD, Ask, ByTest, Elsewhere, Run, Serve, Way, way_of
from tools.documented import ROOT, Command, commands

PATIENCE = 120.0
"""Seconds until a server answers: far more than any needs."""


def attempt(text: str, way: Run | Serve | Ask, folder: Path) -> str:
    """Try a command in a scratch folder; what went wrong, or nothing."""
    if isinstance(way, Ask):
        return _asked(f"{text} {way.added}", folder)
    for earlier in way.after:
        done = _typed(earlier, folder, stdin=PASSWORD)
        if done.returncode:
            return f"{earlier}: {_said(done)}"
    if isinstance(way, Serve):
        return _served(text, way, folder)
    done = _typed(f"{text} {way.added}".strip(), folder, stdin=way.stdin)
    return _said(done) if done.returncode else ""


def _typed(text: str, folder: Path, *, stdin: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", text],
        cwd=_place(text, folder),
        env=_variables(folder),
        input=stdin,
        capture_output=True,
        text=True,
    )


def _served(text: str, way: Serve, folder: Path) -> str:
    with _running(text, folder) as (server, port, said):
        answered = _answers(f"http://localhost:{port}{way.path}", server)
        server.send_signal(signal.SIGTERM)
        code = server.wait(PATIENCE)
        return "" if answered and code == 0 else f"answered: {answered}, exit {code}: {said.read_text()[-500:]}"


def _asked(text: str, folder: Path) -> str:
    _typed(INIT, folder, stdin="")
    with _running("gatepass serve", folder) as (server, port, said):
        if not _answers(f"http://localhost:{port}/healthz", server):
            return f"the server did not start: {said.read_text()[-500:]}"
        done = _typed(text.replace("localhost:8000", f"localhost:{port}"), folder, stdin="")
        return _said(done) if done.returncode else ""


@contextlib.contextmanager
def _running(text: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A server on a free port, and the file with what it says; killed if it is still there in the end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # Settings before a program are the shell's; without any, a signal is to reach the program itself.
    command = f"env {text} --port {port}"
    variables = {**_variables(folder), "GATEPASS_PUBLIC_URL": f"http://localhost:{port}"}
    with (folder / "said").open("w") as said:
        server = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"], cwd=_place(text, folder), env=variables, stdout=said, stderr=said
        )
    try:
        yield server, port, folder / "said"
    finally:
        server.kill()
        server.wait()


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def _place(text: str, folder: Path) -> Path:
    """What is the repository's own is typed at its root."""
    return ROOT if "run.py" in text else folder


def _variables(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEPASS_", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', '')}"
    return {**clean, "PATH": path, "XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}"


def main() -> int:
    """Try each, or list them; 0 if all went well."""
    parser = argparse.ArgumentParser(prog="run.py commands", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="say how each is tried; run nothing")
    parser.add_argument("only", nargs="*", help="parts of the commands to try")
    options = parser.parse_args()
    chosen = [each for each in commands() if not options.only or any(part in each.text for part in options.only)]
    failed = sum(not report(command, only_list=options.list) for command in chosen)
    tried = sum(isinstance(way_of(command), Run | Serve | Ask) for command in chosen)
    if not options.list:
        print(f"{tried - failed} passed, {failed} failed, {len(chosen) - tried} skipped")
    return 1 if failed else 0


def report(command: Command, *, only_list: bool) -> bool:
    """Print what becomes of a command; False if it fails or has no row."""
    way = way_of(command)
    if way is None:
        print(f"NO ROW  {command.text}   ({command.page})", flush=True)
        return False
    if only_list or not isinstance(way, Run | Serve | Ask):
        print(f"{'-':7} {command.text}\n        {described(way)}", flush=True)
        return True
    with tempfile.TemporaryDirectory(prefix="gatepass-commands-") as folder:
        fault = attempt(command.text, way, Path(folder))
    print(f"{'FAILED' if fault else 'ok':7} {command.text}" + (f"\n        {fault}" if fault else ""), flush=True)
    return not fault


def described(way: Way) -> str:
    """How a command is tried, in words."""
    match way:
        case Run(added=added):
            return f"run here, with {added} behind it" if added else "run here"
        case Serve(path=path):
            return f"started here until {path} is answered"
        case Ask(added=added):
            return f"run here beside a server, with {added} behind it"
        case ByTest(by=name):
            return f"typed by {name}"
        case Elsewhere(why=why):
            return f"not here: {why}"


if __name__ == "__main__":
    raise SystemExit(main())
