"""run.py says what it does before it does anything, and finds what it needs by asking the machine."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import run
from gatepass.cli import main
from tests.support.full import FULL
from tests.support.scheduling import scope_of
from tools import interpreters
from tools.steps import Failure

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = re.findall(r'^    "(\w+)": \1,$', (ROOT / "run.py").read_text("utf-8"), re.MULTILINE)


def said(folder: Path, *arguments: str) -> str:
    """What run.py prints, as a copy in a folder, run by a Python without any package (-S)."""
    command = [sys.executable, "-S", str(folder / "run.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """run.py, tools/ and the names of the benchmarks."""
    for file in [ROOT / "run.py", *(ROOT / "tools").rglob("*.py"), *(ROOT / "benchmarks").glob("*.*")]:
        target = tmp_path / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_help_installs_nothing(copy: Path, command: str) -> None:
    before = sorted(path for path in copy.rglob("*") if "__pycache__" not in path.parts)
    assert f"python3 run.py {command}" in said(copy, command, "-h")
    assert sorted(path for path in copy.rglob("*") if "__pycache__" not in path.parts) == before


@pytest.mark.slow
def test_help_after_another_option_installs_nothing_either(copy: Path) -> None:
    assert said(copy, "demo", "--port", "8001", "-h") == said(copy, "demo", "-h")
    assert not (copy / ".venv").exists()


@pytest.mark.slow
def test_the_help_names_every_command_and_every_benchmark(copy: Path) -> None:
    text = said(copy, "-h")
    assert len(COMMANDS) > 7
    for command in COMMANDS:
        assert f"python3 run.py {command}" in text
    for file in (ROOT / "benchmarks").glob("[a-z]*.*"):
        assert file.stem in text
        assert file.stem in said(copy, "bench", "-h")


@pytest.mark.slow
def test_the_help_of_the_demo_has_the_options_that_it_takes(copy: Path) -> None:
    """Written by hand, so that they can be shown where nothing is installed."""
    demo = main.commands["demo"]
    options = {name for parameter in demo.params for name in parameter.opts if isinstance(parameter, click.Option)}
    assert set(re.findall(r"--[a-z]+", said(copy, "demo", "-h"))) == options


def test_every_benchmark_has_a_short_form() -> None:
    for file in (ROOT / "benchmarks").glob("[a-z]*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert any(isinstance(call.func, ast.Name) and call.func.id == "parse" for call in calls), file.name


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks").glob("[a-z]*.*")), ids=lambda file: file.stem)
def test_every_benchmark_comes_to_its_end(file: Path) -> None:
    program = [sys.executable, "-m", f"benchmarks.{file.stem}"] if file.suffix == ".py" else ["node", str(file)]
    done = subprocess.run([*program, "--short"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_interpreter_is_found_by_its_version() -> None:
    here = ".".join(map(str, sys.version_info[:2]))
    for wanted in (here, ".".join(map(str, sys.version_info[:3]))):
        found = interpreters.find(wanted)
        assert found is not None
        assert interpreters.version_of(found).startswith(here)


def test_a_program_that_is_no_python_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert interpreters.version_of(str(broken)) == ""
    assert interpreters.version_of(str(tmp_path / "none")) == ""


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("3.13.0", "3.13", True),
        ("3.13.0", "3.13.0", True),
        ("3.13.0", "3.1", False),
        ("3.13.0", "3.13.1", False),
        ("3.14.0t", "3.14", False),
        ("3.14.0t", "3.14t", True),
        ("3.14.0", "3.14t", False),
        ("", "3.13", False),
    ],
)
def test_a_free_threaded_build_is_taken_only_if_it_is_meant(version: str, wanted: str, fits: bool) -> None:
    assert interpreters._fits(version, wanted) is fits


@pytest.mark.parametrize("wanted", ["3.9.99", "3.99t", "python", "2.7", "3"])
def test_one_that_is_not_to_be_had_is_one_sentence_with_what_to_do(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "_install", lambda _wanted: False)
    with pytest.raises(Failure, match=r"uv python install|takes a version such as"):
        interpreters.provide(wanted)


@pytest.mark.slow
def test_quick_and_full_exclude_each_other_before_anything_is_installed(copy: Path) -> None:
    command = [sys.executable, "-S", str(copy / "run.py"), "test", "--quick", "--full"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=copy)
    assert (done.returncode, "not allowed with" in done.stderr) == (2, True)
    assert not (copy / ".venv").exists()


def test_a_test_that_is_marked_full_runs_in_full_only(request: pytest.FixtureRequest) -> None:
    marked = [item for item in request.session.items if item.get_closest_marker("full")]
    assert FULL or not marked


@pytest.mark.slow
def test_in_full_such_a_test_runs_too() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    command += ["tests/testing/test_battery.py", "-k", "SwapsAnyBinding"]
    full = {**os.environ, "GATEPASS_FULL": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=full)
    assert (done.returncode, "finds_a_broken_store[SwapsAnyBinding]" in done.stdout) == (0, True), done.stdout


@pytest.mark.slow
def test_no_test_sees_a_setting_of_the_shell_or_of_the_run() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/cli/test_accounts.py",
        "-k",
        "opened",
    ]
    told = {**os.environ, "GATEPASS_QUICK": "1", "GATEPASS_STORE": "nowhere://"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=told)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_suites_run_beside_the_first_are_shown_whole_after_it_and_all_are_summed_up(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    programs = {"one": "print('1 passed')", "two": "print('2 passed')", "three": "print('1 failed'); exit(1)"}
    suites = {name: ([sys.executable, "-c", program], ROOT) for name, program in programs.items()}
    with pytest.raises(Failure, match=r"Not all tests pass: three\."):
        run.run_suites(suites, run.HERE)
    said = capfdbinary.readouterr().out.decode()
    ends = [said.index(text) for text in ("2 passed\n1 failed\n\n", "one      1 passed", "three    1 failed")]
    assert ends == sorted(ends)


def test_the_tests_that_share_what_they_start_are_run_by_one_process() -> None:
    scenarios = ("faults/test_clocks.py::test_a", "faults/test_redis.py::test_b", "faults/test_mutants.py::test_c")
    assert {scope_of(f"tests/system/{test}") for test in scenarios} == {"scenarios"}
    wheel = "tests/system/packaging/test_wheel.py"
    assert {scope_of(f"{wheel}::test_a"), scope_of(f"{wheel}::test_b")} == {wheel}
    assert scope_of("tests/core/test_mac.py::test_a") != scope_of("tests/core/test_mac.py::test_b")
