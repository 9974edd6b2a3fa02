#!/usr/bin/env python3
"""Everything that is done with this project, in one place, with nothing but Python's standard library.

    python3 run.py demo     install, build the page, run it on http://localhost:8000
    python3 run.py test     install what the tests need, run everything
    python3 run.py check    format, lint, types, import layers, package sizes (--fix mends what it can)
    python3 run.py bench    measure: refresh, guard, sqlite_store
    python3 run.py lock     renew the lock files after pyproject.toml changed

A virtual environment is made in .venv from the hashed lock files in requirements/. What is installed and built
already is recognised by a stamp, so that a second start takes seconds.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
WEB = ROOT / "web"
PAGE = ROOT / "src" / "gatepass" / "demo" / "page"
CLIENT = WEB / "client" / "dist"
OLDEST_PYTHON = (3, 11)
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "npm_config_fund": "false"}


class Failure(Exception):
    """What stands in the way, and what to do about it, in one sentence."""


def run(*command: str | Path, cwd: Path = ROOT, quiet: bool = False) -> None:
    """Run a command; a failure shows its output and ends this program."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout or "")
        raise Failure(f"{Path(str(command[0])).name} failed (exit {done.returncode}); its output is above.")


def environment() -> dict[str, str]:
    """Ours, with the tools of .venv first."""
    return {**os.environ, **QUIET, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def digest(paths: Iterable[Path], *extra: str) -> str:
    """A digest of files and words: the same digest, the same result."""
    seen = hashlib.sha256(repr((sys.version_info[:2], extra)).encode())
    for path in sorted(paths):
        seen.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()


def once(name: str, stamp: str, make: Callable[[], None], *, result: Path) -> None:
    """Call `make` unless `result` was made under this very stamp."""
    record = VENV / "stamps" / name
    if result.exists() and record.is_file() and record.read_text() == stamp:
        return
    record.unlink(missing_ok=True)
    make()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(stamp)


def provide_python(lock: str) -> None:
    """The virtual environment with everything of requirements/<lock>.txt and this project."""
    if sys.version_info < OLDEST_PYTHON:
        raise Failure("Gatepass needs Python 3.11 or newer; run this file with one.")
    if not (BIN / "python").exists():
        try:
            import ensurepip  # noqa: F401  Debian ships venv without it
            import venv
        except ImportError:
            raise Failure("Python lacks venv; on Debian and Ubuntu: apt-get install python3-venv") from None
        say("making .venv")
        venv.create(VENV, with_pip=True, clear=True)
    file = ROOT / "requirements" / f"{lock}.txt"

    def install() -> None:
        say(f"installing {file.relative_to(ROOT)}")
        run(BIN / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", file)
        project = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
        run(BIN / "python", "-m", "pip", "install", "--quiet", *project)

    stamp = digest([file, ROOT / "pyproject.toml"])
    once(f"python-{lock}", stamp, install, result=BIN / "gatepass")


def npm(*arguments: str, quiet: bool = True) -> None:
    """Run npm in web/, with the Node of .venv: the system's is often too old for Vite and Vitest."""
    program = shutil.which("npm", path=environment()["PATH"])
    if program is None:
        raise Failure("There is no npm; delete .venv and try again.")
    run(program, *arguments, cwd=WEB, quiet=quiet)


def provide_web() -> None:
    """The packages of web/package-lock.json, and the client built from source."""
    lock = WEB / "package-lock.json"

    def install() -> None:
        say("installing web packages")
        npm("ci", "--no-audit", "--ignore-scripts")

    once("web", digest([lock]), install, result=WEB / "node_modules")

    def build() -> None:
        say("building the browser client")
        npm("run", "build", "--workspace", "client")

    once("client", digest(sources(WEB / "client"), lock.read_text()), build, result=CLIENT)


def provide_page() -> None:
    """The demo's page, in the place where the wheel carries it."""
    provide_web()

    def build() -> None:
        say("building the page")
        npm("run", "build", "--workspace", "demo")

    files = [*sources(WEB / "client"), *sources(WEB / "demo"), WEB / "package-lock.json"]
    once("page", digest(files), build, result=PAGE / "index.html")


def sources(folder: Path) -> list[Path]:
    """The files of a web package that its build depends on."""
    files = [*(folder / "src").rglob("*"), *folder.glob("*.json"), *folder.glob("*.ts"), *folder.glob("*.html")]
    return [*filter(Path.is_file, [*files, *(folder / "public").rglob("*")])]


def provide_chromium() -> None:
    """A Chromium for the browser tests: CHROMIUM_PATH, the system's, Debian's package if we may, or Playwright's."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    if os.environ.get("CHROMIUM_PATH") or any(map(shutil.which, names)):
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("installing Chromium from Debian's packages")
        run("apt-get", "update", "-qq", quiet=True)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation", quiet=True)
        return
    try:
        run(BIN / "playwright", "install", "chromium", quiet=True)
    except Failure:
        raise Failure(
            "There is no Chromium: install one (Debian: apt-get install chromium) or set CHROMIUM_PATH to one."
        ) from None


def demo(arguments: Sequence[str]) -> None:
    """Build what is missing, then run the demo until Ctrl-C."""
    provide_python("demo")
    provide_page()
    # In place of this process: Ctrl-C and SIGTERM reach the demo itself, and nothing is left behind.
    os.chdir(ROOT)
    command = [str(BIN / "python"), "-m", "gatepass", "demo", *arguments]
    os.execve(command[0], command, environment())


def test(arguments: Sequence[str]) -> None:
    """Everything, or what pytest's arguments select."""
    provide_python("dev")
    provide_page()
    provide_chromium()
    pytest: tuple[str | Path, ...] = (BIN / "python", "-m", "pytest")
    if arguments:
        run(*pytest, *arguments)
        return
    # Two processes: Playwright's driver and pytest-asyncio cannot share one. Browser tests mostly wait.
    run(*pytest, "-n", "2", "--ignore", "tests/browser")
    run(*pytest, "-n", "3", "tests/browser")
    npm("test", "--workspaces", "--if-present", quiet=False)


def check(arguments: Sequence[str]) -> None:
    """Every rule that a machine can keep; all of them, even if one fails."""
    parser = argparse.ArgumentParser(prog="run.py check")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")
    fix = parser.parse_args(arguments).fix
    provide_python("dev")
    provide_page()
    python = str(BIN / "python")
    steps: list[tuple[str, list[str], Path]] = [
        ("format", [python, "-m", "ruff", "format", *([] if fix else ["--check"]), "."], ROOT),
        ("lint", [python, "-m", "ruff", "check", *(["--fix"] if fix else []), "."], ROOT),
        ("types", [python, "-m", "mypy"], ROOT),
        ("layers", [str(BIN / "lint-imports")], ROOT),
        ("web format and lint", ["npm", "run", "fix" if fix else "lint"], WEB),
        ("web packages", ["npm", "run", "check", "--workspaces", "--if-present"], WEB),
    ]
    failed = [name for name, command, folder in steps if not passes(name, command, folder)]
    if failed:
        raise Failure(f"Not clean: {', '.join(failed)}. What can be mended: python3 run.py check --fix")


def passes(name: str, command: list[str], folder: Path) -> bool:
    """Run one step of the check; its output is shown only if it fails."""
    start = time.monotonic()
    program = shutil.which(command[0], path=environment()["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    verdict = "FAILED" if done.returncode else "ok"
    print(f"{name:22} {verdict:7} {time.monotonic() - start:5.1f} s", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def bench(arguments: Sequence[str]) -> None:
    """Run one benchmark with its arguments."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        raise Failure(f"Which benchmark? {', '.join(names)}")
    provide_python("dev")
    run(BIN / "python", ROOT / "benchmarks" / f"{arguments[0]}.py", *arguments[1:])


def lock(_arguments: Sequence[str]) -> None:
    """Renew requirements/*.txt: hashes, and no address of any registry."""
    provide_python("dev")
    run(BIN / "python", "-m", "pip", "install", "--quiet", "uv")
    compile_: list[str | Path] = [BIN / "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    compile_ += ["--upgrade", "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11"]
    folder = ROOT / "requirements"
    for name, extra, groups in (
        ("demo", "demo", ("build", "node")),
        ("dev", "all", ("build", "node", "check", "test")),
    ):
        chosen = [word for group in groups for word in ("--group", group)]
        run(*compile_, "pyproject.toml", "--extra", extra, *chosen, "-o", folder / f"{name}.txt")


def say(text: str) -> None:
    """What takes a while, so that nobody wonders."""
    print(f"· {text} …", flush=True)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "lock": lock,
}


def main() -> None:
    """Run one command; a Failure is one sentence and exit code 1."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(__doc__)
        raise SystemExit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    try:
        COMMANDS[sys.argv[1]](sys.argv[2:])
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
