"""Every Python snippet of every page, and what `gatepass new` writes, is read by a type checker.

With the settings of our own code and with its cache: what is imported is read once, if not by `run.py check` before.
One file, so that one process of the tests uses the cache: a second one would read all of it again.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gatepass.cli.new import KINDS, contents
from tools.docs import preamble
from tools.docs.snippets import module_of, names_assumed, write_modules

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
OURS = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.mypy]\n")[2].partition("[tool.pytest")[0]
SETTINGS = f"""
[tool.mypy]
{OURS}
[[tool.mypy.overrides]]
module = ["snippets.*"]
allow_redefinition = false
disable_error_code = ["empty-body", "import-untyped", "no-redef", "var-annotated", "annotation-unchecked"]
disallow_any_generics = false
disallow_incomplete_defs = false
disallow_subclassing_any = false
disallow_untyped_calls = false
disallow_untyped_decorators = false
disallow_untyped_defs = false
implicit_reexport = true
strict_equality = false
warn_return_any = false
warn_unused_ignores = false

[[tool.mypy.overrides]]
module = ["altcha.*", "people.*", "requests.*"]
ignore_missing_imports = true
"""


def mypy(*arguments: str | Path, path: Path) -> "subprocess.CompletedProcess[str]":
    """Run it with `path` beside our sources. A person's variables about Gatepass play no part."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("GATEPASS_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--show-error-codes", *arguments],
        cwd=ROOT,
        env={**clean, "MYPYPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_no_snippet_has_a_type_error(tmp_path: Path) -> None:
    lines: dict[Path, tuple[str, int]] = {}
    snippets = tmp_path / "snippets"
    snippets.mkdir()
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        lines |= {path: (name, line) for path, line in write_modules(page, snippets, name=name).items()}
    assert len(lines) > 60
    (tmp_path / "mypy.toml").write_text(SETTINGS)
    done = mypy("--config-file", tmp_path / "mypy.toml", *sorted(lines), path=tmp_path)
    faults = []
    for file, number, fault in re.findall(r"^\S*?(\w+\.py):(\d+): error: (.*)$", done.stdout, flags=re.MULTILINE):
        page_name, above = lines[snippets / file]
        faults.append(f"{page_name}:{above + int(number)}: {fault}")
    assert faults == [], "\n".join(faults)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_types_of_a_new_application_are_whole(kind: str, tmp_path: Path) -> None:
    """As strict as our own."""
    for name, content in contents(kind):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = mypy("--config-file", "pyproject.toml", tmp_path, path=tmp_path)
    assert done.returncode == 0, done.stdout


def test_what_a_snippet_assumes_is_found_and_must_be_known() -> None:
    assert names_assumed(ast.parse("import a\nb = a.c(d)\ndef f(e): return e + g")) == {"d", "g"}
    assert module_of("x = 1\n") == "\n\nx = 1\n"
    assert module_of("await gate.open()\n").splitlines() == [
        "from tools.docs.preamble import gate; ",
        "async def snippet() -> None:",
        "    await gate.open()",
    ]


def test_no_name_is_offered_that_no_snippet_assumes() -> None:
    block = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    code = [text for page in PAGES for text in block.findall(page.read_text("utf-8"))]
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    assumed: set[str] = set()
    for text in code:
        tree = compile(text, "snippet", "exec", flags)
        assert isinstance(tree, ast.Module)
        assumed |= names_assumed(tree)
    assert assumed == set(preamble.__all__)
