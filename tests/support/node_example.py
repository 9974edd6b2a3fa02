"""The examples that are Node applications: installed from their lock files, built, and started.

Packages and builds are kept in .examples, under a stamp of what they are made from: a run in which
nothing has changed installs and builds nothing. Each example gets this project's client as a copy, as npm would.
"""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.process import until_listening
from tools.services.patience import PATIENCE
from tools.stamps import ROOT, digest, is_made, once
from tools.steps import Failure
from tools.web import CLIENT, install_by_name, registry_of

MADE = ROOT / ".examples"
"""Not below a folder named node_modules: bundlers would take the sources there for packages."""
OURS = ("node_modules", ".next", "build", ".react-router", ".svelte-kit", "next-env.d.ts", "*.tsbuildinfo")
QUIET = {"NEXT_TELEMETRY_DISABLED": "1", "CI": "1", "NO_COLOR": "1"}
INSTALL_TIMEOUT = 600


@dataclass(frozen=True)
class Example:
    """One of examples/. `built` is what its build leaves; `serve` is what starts it, by a program of its packages."""

    name: str
    built: str
    serve: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is installed and built."""
        return MADE / "examples" / self.name

    def provide(self) -> None:
        """Install and build it, unless that is done. One process at a time."""
        MADE.mkdir(parents=True, exist_ok=True)
        with (MADE / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._install()
            sources = digest([*self._sources(), *CLIENT.rglob("*.js")])
            built = self.folder / self.built
            if is_made(self._stamp("built"), sources, result=built):
                return
            self._stamp("built").unlink(missing_ok=True)
            self._copy()
            self._npm("run", "build")
            self._stamp("built").write_text(sources)

    def _install(self) -> None:
        source = ROOT / "examples" / self.name

        def install() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            place = MADE / "web"  # ../../web/client, as in the repository
            place.mkdir(exist_ok=True)
            if not (place / "client").is_symlink():
                (place / "client").symlink_to(CLIENT.parent)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(source / name, self.folder)
            install_by_name(
                self.folder, registry_of(os.environ), lambda: self._npm("ci", "--prefer-offline", "--no-audit")
            )

        locked = digest([source / "package.json", source / "package-lock.json"])
        once(self._stamp("installed"), locked, install, result=self.folder / "node_modules")

    def _copy(self) -> None:
        for each in self.folder.iterdir():
            if each.name != "node_modules":
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(
            ROOT / "examples" / self.name, self.folder, ignore=shutil.ignore_patterns(*OURS), dirs_exist_ok=True
        )
        shutil.copytree(CLIENT, self.folder / "node_modules" / "gatepass" / "dist", dirs_exist_ok=True)

    def _sources(self) -> Iterator[Path]:
        folder = ROOT / "examples" / self.name
        for path in folder.rglob("*"):
            parts = path.relative_to(folder).parts
            if path.is_file() and not any(Path(parts[0]).match(each) for each in OURS):
                yield path

    def _npm(self, *arguments: str) -> None:
        done = subprocess.run(
            ["npm", *arguments],
            cwd=self.folder,
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise Failure(f"examples/{self.name}: npm {' '.join(arguments)}\n{done.stdout}{done.stderr}")

    def _stamp(self, name: str) -> Path:
        return MADE / f"{self.name}.{name}"


@contextmanager
def running(example: Example, *, port: int, api_port: int, public_url: str) -> Iterator[None]:
    """Let an example render its pages on `port`, with the API on `api_port`; browsers see both at `public_url`."""
    told = {"API_URL": f"http://127.0.0.1:{api_port}", "PUBLIC_URL": public_url, "ORIGIN": public_url}
    program, *arguments = example.serve
    log = example.folder.parent / f"{example.name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["node", program, *(each.format(port=port) for each in arguments)],
            cwd=example.folder,
            env={
                **os.environ,
                **QUIET,
                **told,
                "NODE_ENV": "production",
                "HOST": "127.0.0.1",
                "PORT": str(port),
            },
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the node of a Python environment is a script that starts another process
        )
        try:
            until_listening(process, port)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)


NEXT = Example(
    "nextjs", ".next/BUILD_ID", ("node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", "{port}")
)
REACT_ROUTER = Example(
    "react_router",
    "build/server/index.js",
    ("node_modules/@react-router/serve/bin.js", "./build/server/index.js"),
)
SVELTEKIT = Example("sveltekit", "build/index.js", ("build/index.js",))
