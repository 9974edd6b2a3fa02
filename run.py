#!/usr/bin/env python3
"""Everything that is done with this project, in one place, with nothing but Python's standard library.

    python3 run.py demo       install, build the page, run it on http://localhost:8000
    python3 run.py test       install what the tests need, run them (--quick: what starts no other process; --full: all)
    python3 run.py check      format, lint, types, import layers, package sizes (--fix mends what it can)
    python3 run.py bench      measure (--all: everything; --short: only to see that it runs)
    python3 run.py docs       build the documentation, check it, serve it on http://localhost:8001 (--build only builds)
    python3 run.py commands   run what the documentation tells people to type
    python3 run.py mutate     break the core on purpose, and count what the tests notice
    python3 run.py audit      ask for known vulnerabilities of all packages, where an advisory source can be reached
    python3 run.py sbom       list all third-party packages of the lock files, as CycloneDX
    python3 run.py lock       renew the lock files after pyproject.toml changed

`python3 run.py COMMAND -h` says more, and installs nothing. A virtual environment is made in .venv from the hashed
lock files in requirements/. What is installed and built already is recognised by a stamp, so that a second start takes
seconds.
"""

import argparse
import ast
import inspect
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

OLDEST_PYTHON = (3, 11)

if sys.version_info < OLDEST_PYTHON:  # here, since what follows does not even load on the oldest ones
    sys.exit("Gatepass needs Python 3.11 or newer; run this file with one.")

from tools import chromium, interpreters, servers, steps, web  # noqa: E402 (they may assume what was just made sure of)
from tools.environment import LOCKS, Environment  # noqa: E402
from tools.steps import Failure, say  # noqa: E402

ROOT = Path(__file__).resolve().parent
HERE = Environment(ROOT / ".venv", getattr(sys, "_base_executable", sys.executable))
BENCHMARKS = ROOT / "benchmarks"
BROWSER_TESTS = "tests/system/browser"
LOCKED = {
    "uv": ("", ("installer",)),
    "node": ("", ("node",)),
    "demo": ("demo", ("build",)),
    "dev": ("all", ("build", "node", "check", "test")),
    "docs": ("", ("build", "docs")),
}
"""Lock file → the extra of pyproject.toml, and the dependency groups, that it resolves."""


def demo(arguments: Sequence[str]) -> None:
    """Build what is missing, then run the demo until Ctrl-C.

    python3 run.py demo [--host ADDRESS] [--port PORT] [--tls]

    Takes the options of `gatepass demo`; by default it listens on 127.0.0.1, port 8000.

    --tls   over https, with a certificate that is made here: the browser warns once
    """
    HERE.make()
    with ThreadPoolExecutor() as pool:  # two networks to wait for, two cores to unpack with
        for done in [pool.submit(provide_demo), pool.submit(web.provide_page, HERE)]:
            done.result()
    # In place of this process: Ctrl-C and SIGTERM reach the demo itself, and nothing is left behind.
    os.chdir(ROOT)
    command = [str(HERE.python), "-m", "gatepass", "demo", *arguments]
    os.execve(command[0], command, from_sources())


def provide_demo() -> None:
    """Install the demo. Where the page is still being built, import it: its bytecode is written meanwhile."""
    HERE.provide_packages("demo")
    if (web.PAGE / "index.html").exists():
        return
    imports = [str(HERE.python), "-c", "import gatepass.cli, gatepass.demo"]
    subprocess.run(imports, cwd=ROOT, env=from_sources(), check=False, capture_output=True)


def from_sources() -> dict[str, str]:
    """The variables under which `gatepass` is what lies in src/: to install it takes longer than to start it."""
    return {**HERE.variables(), "PYTHONPATH": str(ROOT / "src")}


def test(arguments: Sequence[str]) -> None:
    """Run the tests: one example of each kind, or what pytest's arguments select.

    python3 run.py test [--quick | --full] [--python VERSION] [--browsers NAMES] [pytest's arguments]

    --quick            in between: all but the tests marked `slow`, which start a database, a browser or another
                       process, or search for long; and the browser client's, but for its long searches.
                       Within 90 seconds on two cores
    --full             before a release: also the tests marked `full`, and all searches at length. It takes hours
    --python VERSION   on another Python, such as 3.13, 3.13.0 or 3.14t (free-threaded), in an environment of its own
                       (.venv-3.13); all but the browser client's tests, which are none of Python's
    --browsers NAMES   the browser tests alone, in all, or in some of chromium, firefox, webkit (with commas), over http
                       and over https with HTTP/2. Without it: in Chromium, and a core of them in each that is found
    """
    parser = argparse.ArgumentParser(prog="run.py test", add_help=False, allow_abbrev=False)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true")
    length.add_argument("--full", action="store_true")
    parser.add_argument("--python", metavar="VERSION")
    parser.add_argument("--browsers", metavar="NAMES")
    options, selection = parser.parse_known_args(arguments)
    if options.full:
        os.environ["GATEPASS_FULL"] = "1"  # tests/support/full.py
    if options.browsers:
        os.environ["GATEPASS_BROWSERS"] = options.browsers  # tests/system/browser/engines/variants.py
    environment = HERE
    if options.python:
        environment = Environment(ROOT / f".venv-{options.python}", interpreters.provide(options.python))
    environment.provide("dev")
    web.provide_client(environment)
    web.provide_page(environment)
    pytest = [str(environment.python), "-m", "pytest"]
    suites: dict[str, tuple[list[str], Path]]
    if options.quick:
        os.environ["GATEPASS_QUICK"] = "1"  # web/client/test/fake/quick.ts
        # What is left out is not even imported.
        suites = {"python": ([*pytest, "-n", "3", "-m", "not slow", "--ignore", "tests/system", *selection], ROOT)}
    else:
        provide_chromium(environment)
        servers.bring(environment.variables())
        suites = {"python": ([*pytest, *selection], ROOT)} if selection else whole(pytest)
        if options.browsers and not selection:
            suites = {"browser": suites["browser"]}
    if not (selection or options.python or options.browsers):
        suites["web"] = (["npm", "test", "--workspaces", "--if-present"], web.WEB)
    run_suites(suites, environment)


def whole(pytest: Sequence[str]) -> dict[str, tuple[list[str], Path]]:
    """Two processes: Playwright's driver and pytest-asyncio cannot share one.

    Browser tests mostly wait, and end first: two more workers than cores have their turn when others wait.
    """
    grouped = ("--dist", "loadscope")  # the scopes are those of tests/support/scheduling.py
    return {
        "python": ([*pytest, "-n", "4", *grouped, "--ignore", BROWSER_TESTS], ROOT),
        "browser": ([*pytest, "-n", "3", *grouped, BROWSER_TESTS], ROOT),
    }


def run_suites(suites: dict[str, tuple[list[str], Path]], environment: Environment) -> None:
    """Run each, whatever comes of the others, and sum up.

    The first is seen as it runs. The others, whose tests mostly wait, run beside it in turns, and are shown after it.
    """
    ours = environment.variables()
    first, *others = suites
    screens = {name: io.BytesIO() for name in others}

    def run(name: str) -> tuple[int, list[str]]:
        command, folder = suites[name]
        return steps.watch(command, folder=folder, environment=ours, screen=screens.get(name))

    with ThreadPoolExecutor(1) as beside:
        waited_for = {name: beside.submit(run, name) for name in others}
        ends = {first: run(first)}
        for name, end in waited_for.items():
            ends[name] = end.result()
            sys.stdout.buffer.write(screens[name].getvalue())
    print("\n" + "\n".join(f"{name:8} {line}" for name, (_, lines) in ends.items() for line in lines), flush=True)
    failed = [name for name, (code, _) in ends.items() if code]
    if failed:
        raise Failure(f"Not all tests pass: {', '.join(failed)}.")


def provide_chromium(environment: Environment) -> None:
    """A Chromium for the browser tests, named by CHROMIUM_PATH."""
    folder = HERE.folder / "chromium"
    path = chromium.find(folder)
    if path is None and "CHROMIUM_PATH" not in os.environ:
        say("installing Chromium")
        path = chromium.bring(folder, environment.variables())
    if path is None:
        way = f"{environment.python.relative_to(ROOT)} -m playwright install chromium"
        raise Failure(f"There is no Chromium that starts: name one in CHROMIUM_PATH, or run: {way}")
    os.environ["CHROMIUM_PATH"] = path


def check(arguments: Sequence[str]) -> None:
    """Check every rule that a machine can keep; all of them, even if one fails.

    python3 run.py check [--fix]

    --fix   mend what can be mended: format, and some of lint
    """
    parser = argparse.ArgumentParser(prog="run.py check")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")
    fix = parser.parse_args(arguments).fix
    HERE.provide("dev")
    web.provide_client(HERE)
    web.provide_page(HERE)
    python = str(HERE.python)
    rules: list[tuple[str, list[str], Path]] = [
        ("format", [python, "-m", "ruff", "format", *([] if fix else ["--check"]), "."], ROOT),
        ("lint", [python, "-m", "ruff", "check", *(["--fix"] if fix else []), "."], ROOT),
        ("types", [python, "-m", "mypy"], ROOT),
        ("made of the contract", [python, "-m", "tools.problems", *([] if fix else ["--check"])], ROOT),
        ("layers", [str(HERE.programs / "lint-imports")], ROOT),
        ("web format and lint", ["npm", "run", "fix" if fix else "lint"], web.WEB),
        ("web packages", ["npm", "run", "check", "--workspaces", "--if-present"], web.WEB),
    ]
    ours = HERE.variables()
    failed = [name for name, command, at in rules if not steps.passes(name, command, folder=at, environment=ours)]
    if failed:
        raise Failure(f"Not clean: {', '.join(failed)}. What can be mended: python3 run.py check --fix")


def benchmarks() -> dict[str, Path]:
    """The benchmarks by name: every file of benchmarks/ but those with a leading underscore."""
    files = sorted(BENCHMARKS.glob("[a-z]*.*"))
    return {path.stem: path for path in files if path.suffix in (".py", ".mjs")}


def about(file: Path) -> str:
    """The first sentence of a benchmark, which says what it measures."""
    if file.suffix == ".py":
        return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n")[0]
    return file.read_text("utf-8").splitlines()[1].removeprefix(" * ")


def bench(arguments: Sequence[str]) -> None:
    """Run one benchmark with its arguments, or all of them one after the other.

    python3 run.py bench NAME [--short] [its arguments; -h lists them]
    python3 run.py bench --all [--short]

    --short   a few seconds for each: shows that it runs, and measures nothing
    """
    found = benchmarks()
    if arguments[:1] == ["--all"]:
        verdicts = {name: measures(file, arguments[1:]) for name, file in found.items()}
        print("\n" + "\n".join(f"{name:16} {'ok' if good else 'FAILED'}" for name, good in verdicts.items()))
        print(f"{sum(verdicts.values())} passed, {len(verdicts) - sum(verdicts.values())} failed")
        if not all(verdicts.values()):
            raise Failure("Not all benchmarks ran to their end.")
        return
    if not arguments or arguments[0] not in found:
        raise Failure(f"Which benchmark? {', '.join(found)}")
    if not measures(found[arguments[0]], arguments[1:]):
        raise Failure(f"The benchmark {arguments[0]} did not run to its end.")


def measures(file: Path, arguments: Sequence[str]) -> bool:
    """Run a benchmark before the reader's eyes; whether it came to its end."""
    HERE.provide("dev")
    if file.suffix == ".mjs":
        web.provide_client(HERE)
    print(f"\n{file.stem}: {about(file)}\n", flush=True)
    program = [str(HERE.python), "-m", f"benchmarks.{file.stem}"] if file.suffix == ".py" else ["node", str(file)]
    command = [*program, *arguments]
    return steps.watch(command, folder=ROOT, environment=HERE.variables())[0] == 0


def docs(arguments: Sequence[str]) -> None:
    """Build the documentation into .docs/site, check it, and serve it.

    python3 run.py docs [--build] [--port PORT]

    --build   build and check only
    """
    HERE.provide("docs")
    run_tool("docs", arguments)


def commands(arguments: Sequence[str]) -> None:
    """Run what the documentation tells people to type, each command in a scratch folder.

    python3 run.py commands [--list]

    --list   say of each command how it is tried, or why it cannot be here; run nothing
    """
    HERE.provide("dev")
    run_tool("commands", arguments)


def mutate(arguments: Sequence[str]) -> None:
    """Break the core on purpose and count what the tests notice.

    python3 run.py mutate [NAME …]     such as gatepass.core.rotation*; without a name: all of gatepass.core
    """
    HERE.provide("dev")
    run_tool("mutation", arguments)


def audit(arguments: Sequence[str]) -> None:
    """Ask for known vulnerabilities of every locked package.

    python3 run.py audit [pip-audit's arguments]
    """
    HERE.provide("dev")
    run_tool("audit", arguments)


def sbom(arguments: Sequence[str]) -> None:
    """Print the software bill of materials (CycloneDX 1.6) of the lock files, or write it to a file.

    python3 run.py sbom [FILE]
    """
    run_here = [sys.executable, "-m", "tools.sbom", *(str(Path(name).absolute()) for name in arguments)]
    steps.run(*run_here, folder=ROOT, environment=dict(os.environ))


def run_tool(name: str, arguments: Sequence[str]) -> None:
    """Run a program of tools/ with the environment's Python."""
    steps.run(HERE.python, "-m", f"tools.{name}", *arguments, folder=ROOT, environment=HERE.variables())


def lock(_arguments: Sequence[str]) -> None:
    """Renew requirements/*.txt: hashes, and no address of any registry.

    python3 run.py lock
    """
    HERE.provide_packages("uv")
    compile_: list[str | Path] = [HERE.programs / "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    compile_ += ["--upgrade", "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11"]
    for name, (extra, groups) in LOCKED.items():
        # Without an extra the project itself is none of it: only the groups are read.
        source = ["pyproject.toml", "--extra", extra] if extra else []
        chosen = [word for group in groups for word in ("--group", group)]
        if name == "docs":  # installed beside what the tests have: it takes the same versions
            chosen += ["--constraint", str(LOCKS / "dev.txt")]
        output = LOCKS / f"{name}.txt"
        steps.run(*compile_, *source, *chosen, "-o", output, folder=ROOT, environment=HERE.variables())


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "docs": docs,
    "commands": commands,
    "mutate": mutate,
    "audit": audit,
    "sbom": sbom,
    "lock": lock,
}


def help_of(name: str) -> str:
    """What a command does and takes, without anything being installed."""
    text = inspect.getdoc(COMMANDS[name]) or ""
    if name == "bench":
        text += "\n\n" + "\n".join(f"{each:16} {about(file)}" for each, file in benchmarks().items())
    return text


def is_question(name: str, arguments: Sequence[str]) -> bool:
    """Whether help is asked for: anywhere, but for a benchmark, which has a help of its own."""
    return any(word in ("-h", "--help") for word in (arguments[:1] if name == "bench" else arguments))


def main() -> None:
    """Run one command; a Failure is one sentence and exit code 1."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(f"{__doc__}\nBenchmarks: {', '.join(benchmarks())}")
        raise SystemExit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    if is_question(sys.argv[1], sys.argv[2:]):
        print(help_of(sys.argv[1]))
        return
    try:
        COMMANDS[sys.argv[1]](sys.argv[2:])
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
