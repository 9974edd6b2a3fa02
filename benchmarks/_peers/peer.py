"""A peer, and how it is installed and started: an environment of its own in the user's cache folder, by pip or npm."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._peers.browser import EMAIL, PASSWORD, PeerBrowser
from benchmarks._processes import free_port
from tools import interpreters

APPS = Path(__file__).with_name("apps")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gatepass" / "peers"
SECRET = "a secret of the benchmark, of thirty-two bytes and more"
UVICORN = ("-m", "uvicorn", "--app-dir", str(APPS), "--host", "127.0.0.1", "--log-level", "warning", "--no-access-log")
GUNICORN = ("-m", "gunicorn", "--chdir", str(APPS), "--workers", "1", "--threads", "16", "--log-level", "warning")
VERSIONS = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


class Absent(Exception):
    """Why a peer is not measured, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What is installed, how it is started, and what a reader must know about it.

    `packages`: the peer first; none are those of this project. `server`: of `python` or `node`, and `app`. `persists`:
    what a refresh writes. `hashes`: of the token at rest, and of passwords.
    """

    name: str
    packages: Sequence[str]
    browser: type[PeerBrowser]
    server: Sequence[str]
    app: str
    persists: str
    hashes: str
    python: str = ""

    @property
    def is_node(self) -> bool:
        """Whether npm installs it."""
        return self.app.endswith(".mjs")

    @property
    def place(self) -> Path:
        """Where it is installed."""
        return CACHE / self.name

    def interpreter(self) -> Path:
        """The program that runs it, once it is installed."""
        if self.is_node:  # itself: that of a wheel is a program in Python that starts it, and would end alone
            where = ["node", "--print", "process.execPath"]
            return Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
        return self.place / "bin" / "python" if self.packages else Path(sys.executable)

    def provide(self, *, install: bool) -> None:
        """Install it unless it is there. Raises Absent."""
        done = self.place / "installed"
        wanted = " ".join(self.packages)
        if not wanted or (done.is_file() and done.read_text() == wanted):
            return
        if not install:
            raise Absent("is not installed, and --short installs nothing")
        print(f"· installing {self.name} in {self.place} …", file=sys.stderr, flush=True)
        self.place.mkdir(parents=True, exist_ok=True)
        for command in self._npm() if self.is_node else self._pip():
            run = subprocess.run(command, cwd=self.place, capture_output=True, text=True, check=False)
            if run.returncode:
                raise Absent(f"cannot be installed: {(run.stderr.strip() or 'no reason given').splitlines()[-1]}")
        done.write_text(wanted)

    def versions(self) -> dict[str, str]:
        """The versions of the packages that it names."""
        names = [name.partition("[")[0] for name in self.packages]
        if self.is_node:
            files = {name: self.place / "node_modules" / name / "package.json" for name in names}
            return {name: json.loads(file.read_text())["version"] for name, file in files.items()}
        command = [str(self.interpreter()), "-c", VERSIONS, *names]
        found: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return found

    @contextlib.contextmanager
    def running(self, url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """Its server on an empty database: the process and the port."""
        port = free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEPASS_", "PYTHON"))}
        given = {"DATABASE_URL": url, "SECRET": SECRET, "EMAIL": EMAIL, "PASSWORD": PASSWORD, "PORT": str(port)}
        app = self.app
        if self.is_node:  # Node looks for packages beside the file
            app = str(shutil.copy(APPS / app, self.place))
        command = [str(self.interpreter()), *(part.format(port=port) for part in self.server), app]
        with (folder / f"{self.name}.log").open("wb") as log:
            process = subprocess.Popen(command, env={**clean, **given}, cwd=folder, stdout=log, stderr=log)
        try:
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()

    def _pip(self) -> Iterator[list[str]]:
        # The interpreter of which our own environment was made, unless the peer needs a newer one.
        base = getattr(sys, "_base_executable", sys.executable)
        if self.python and sys.version_info < tuple(map(int, self.python.split("."))):
            base = interpreters.find(self.python)
            if base is None:
                raise Absent(f"needs Python {self.python}, which is not found here")
        yield [base, "-m", "venv", "--clear", str(self.place)]
        pip = [str(self.interpreter()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        yield [*pip, "--only-binary=:all:", *self.packages]

    def _npm(self) -> Iterator[list[str]]:
        if shutil.which("npm") is None:
            raise Absent("needs npm, which is not found here")
        (self.place / "package.json").write_text('{"private": true, "type": "module"}')
        yield ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *self.packages]
