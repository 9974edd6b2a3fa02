#!/usr/bin/env python3
"""Everything that is done with this project, in one place, with nothing but Python's standard library.

    python3 run.py demo     install, build the page, run it on http://localhost:8000
    python3 run.py test     install what the tests need, run everything
    python3 run.py check    format, lint, types, import layers, package sizes (--fix mends what it can)
    python3 run.py bench    measure: refresh, guard, sqlite_store
    python3 run.py docs     build the documentation, check it, serve it on http://localhost:8001 (--build only builds)
    python3 run.py mutate   break the core on purpose, and count what the tests notice
    python3 run.py audit    ask for known vulnerabilities of all packages, where an advisory source can be reached
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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
WEB = ROOT / "web"
PAGE = ROOT / "src" / "gatepass" / "demo" / "page"
SCRIPT = ROOT / "src" / "gatepass" / "server" / "endpoints" / "gatepass.js"
CLIENT = WEB / "client" / "dist"
OLDEST_PYTHON = (3, 11)
INTERPRETERS = {".py": "python", ".mjs": "node"}
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "npm_config_fund": "false"}

if sys.version_info < OLDEST_PYTHON:  # here, since what follows does not even load on the oldest ones
    sys.exit("Gatepass needs Python 3.11 or newer; run this file with one.")

from tools import chromium, steps  # noqa: E402 (it may assume what was just made sure of)

AGAIN = "Is there a network? If there is, and it happens twice, delete .venv and web/node_modules."


class Failure(Exception):
    """What stands in the way, and what to do about it, in one sentence."""


def run(*command: str | Path, cwd: Path = ROOT, quiet: bool = False, advice: str = "") -> None:
    """Run a command; a failure shows its output and ends this program with `advice`."""
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
        name = Path(str(command[0])).name
        raise Failure(f"{name} failed (exit {done.returncode}); its output is above. {advice}".rstrip())


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
    if not whole_venv():
        make_venv()
    file = ROOT / "requirements" / f"{lock}.txt"
    pip: tuple[str | Path, ...] = (BIN / "python", "-m", "pip", "install", "--quiet")

    def install() -> None:
        say(f"installing {file.relative_to(ROOT)}")
        run(*pip, "--require-hashes", "-r", file, advice=AGAIN)
        run(*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT, advice=AGAIN)

    stamp = digest([file, ROOT / "pyproject.toml"])
    once(f"python-{lock}", stamp, install, result=BIN / "gatepass")


def whole_venv() -> bool:
    """Whether .venv was made to its end, for this place, and with the Python that the system still has."""
    try:
        here = str(VENV) in (VENV / "pyvenv.cfg").read_text()
        return here and subprocess.run([BIN / "python", "-c", "import pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """An empty virtual environment."""
    try:
        import ensurepip  # noqa: F401  Debian ships venv without it
        import venv
    except ImportError:
        raise Failure("Python lacks venv; on Debian and Ubuntu: apt-get install python3-venv") from None
    say("making .venv")
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise Failure(f"A virtual environment cannot be made in {VENV}: {fault}") from None


def npm(*arguments: str, advice: str = "") -> None:
    """Run npm in web/, with the Node of .venv: the system's is often too old for Vite and Vitest."""
    program = shutil.which("npm", path=environment()["PATH"])
    if program is None:
        raise Failure("There is no npm; delete .venv and try again.")
    run(program, *arguments, cwd=WEB, quiet=True, advice=advice)


def provide_web() -> None:
    """The packages of web/package-lock.json, and the client built from source."""
    lock = WEB / "package-lock.json"

    def install() -> None:
        say("installing web packages")
        npm("ci", "--no-audit", "--ignore-scripts", advice=AGAIN)

    once("web", digest([lock]), install, result=WEB / "node_modules")

    def build() -> None:
        say("building the browser client")
        npm("run", "build", "--workspace", "client")

    stamp = digest([*sources(WEB / "client"), WEB / "client" / "scripts" / "bundle.mjs"], lock.read_text())
    once("client", stamp, build, result=CLIENT)
    once("script", stamp, lambda: npm("run", "bundle", "--workspace", "client"), result=SCRIPT)


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
    """A Chromium for the browser tests, named by CHROMIUM_PATH."""
    folder = VENV / "chromium"
    path = chromium.find(folder)
    if path is None and "CHROMIUM_PATH" not in os.environ:
        say("installing Chromium")
        path = chromium.bring(folder, environment())
    if path is None:
        way = "python -m playwright install chromium"
        raise Failure(
            f"There is no Chromium that starts: name one in CHROMIUM_PATH, or run: {BIN.relative_to(ROOT)}/{way}"
        )
    os.environ["CHROMIUM_PATH"] = path


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
    pytest = [str(BIN / "python"), "-m", "pytest"]
    if arguments:
        run(*pytest, *arguments)
        return
    # Two processes: Playwright's driver and pytest-asyncio cannot share one. Browser tests mostly wait.
    suites = {
        "python": ([*pytest, "-n", "2", "--ignore", "tests/system/browser"], ROOT),
        "browser": ([*pytest, "-n", "3", "tests/system/browser"], ROOT),
        "web": (["npm", "test", "--workspaces", "--if-present"], WEB),
    }
    ours = environment()
    ends = {name: steps.watch(command, folder=folder, environment=ours) for name, (command, folder) in suites.items()}
    print("\n" + "\n".join(f"{name:8} {line}" for name, (_, lines) in ends.items() for line in lines), flush=True)
    failed = [name for name, (code, _) in ends.items() if code]
    if failed:
        raise Failure(f"Not all tests pass: {', '.join(failed)}.")


def check(arguments: Sequence[str]) -> None:
    """Every rule that a machine can keep; all of them, even if one fails."""
    parser = argparse.ArgumentParser(prog="run.py check")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")
    fix = parser.parse_args(arguments).fix
    provide_python("dev")
    provide_page()
    python = str(BIN / "python")
    rules: list[tuple[str, list[str], Path]] = [
        ("format", [python, "-m", "ruff", "format", *([] if fix else ["--check"]), "."], ROOT),
        ("lint", [python, "-m", "ruff", "check", *(["--fix"] if fix else []), "."], ROOT),
        ("types", [python, "-m", "mypy"], ROOT),
        ("layers", [str(BIN / "lint-imports")], ROOT),
        ("web format and lint", ["npm", "run", "fix" if fix else "lint"], WEB),
        ("web packages", ["npm", "run", "check", "--workspaces", "--if-present"], WEB),
    ]
    ours = environment()
    failed = [name for name, command, at in rules if not steps.passes(name, command, folder=at, environment=ours)]
    if failed:
        raise Failure(f"Not clean: {', '.join(failed)}. What can be mended: python3 run.py check --fix")


def bench(arguments: Sequence[str]) -> None:
    """Run one benchmark with its arguments."""
    files = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("[a-z]*.*")) if path.suffix in INTERPRETERS}
    if not arguments or arguments[0] not in files:
        raise Failure(f"Which benchmark? {', '.join(files)}")
    file = files[arguments[0]]
    provide_python("dev")
    if file.suffix == ".mjs":
        provide_web()
    run(BIN / INTERPRETERS[file.suffix], file, *arguments[1:])


def docs(arguments: Sequence[str]) -> None:
    """Build the documentation into .docs/site, check it, and serve it."""
    provide_python("docs")
    run(BIN / "python", "-m", "tools.docs", *arguments)


def mutate(arguments: Sequence[str]) -> None:
    """Break the core on purpose and count what the tests notice."""
    provide_python("dev")
    run(BIN / "python", ROOT / "tools" / "mutation.py", *arguments)


def audit(arguments: Sequence[str]) -> None:
    """Ask for known vulnerabilities of every locked package."""
    provide_python("dev")
    run(BIN / "python", ROOT / "tools" / "audit.py", *arguments)


def lock(_arguments: Sequence[str]) -> None:
    """Renew requirements/*.txt: hashes, and no address of any registry."""
    provide_python("dev")
    run(BIN / "python", "-m", "pip", "install", "--quiet", "uv")
    compile_: list[str | Path] = [BIN / "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    compile_ += ["--upgrade", "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11"]
    folder = ROOT / "requirements"
    for name, extras, groups in (
        ("demo", ("demo",), ("build", "node")),
        ("dev", ("all",), ("build", "node", "check", "test")),
        ("docs", (), ("build", "docs")),
    ):
        chosen = [word for extra in extras for word in ("--extra", extra)]
        chosen += [word for group in groups for word in ("--group", group)]
        # Both can be installed in one environment: the documentation takes what the tests have.
        agreed: list[str | Path] = ["--constraint", folder / "dev.txt"] if name == "docs" else []
        run(*compile_, "pyproject.toml", *chosen, *agreed, "-o", folder / f"{name}.txt")


def say(text: str) -> None:
    """What takes a while, so that nobody wonders."""
    print(f"· {text} …", flush=True)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "docs": docs,
    "mutate": mutate,
    "audit": audit,
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
