"""Every Python snippet of every page is read by a type checker."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.docs import preamble
from tools.docs.snippets import module_of, names_assumed, write_modules

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
CACHE = ROOT / ".mypy_cache" / "snippets"
"""What is imported is read once: the next run takes seconds."""
SETTINGS = """
[mypy]
check_untyped_defs = True
disable_error_code = empty-body, import-untyped, no-redef, var-annotated, annotation-unchecked
follow_imports = silent
explicit_package_bases = True
namespace_packages = True
[mypy-altcha.*,channels.*,django.*,rest_framework.*,notes.*,people.*,app.*,requests.*]
ignore_missing_imports = True
"""


@pytest.mark.slow
def test_no_snippet_has_a_type_error(tmp_path: Path) -> None:
    lines: dict[Path, tuple[str, int]] = {}
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        lines |= {path: (name, line) for path, line in write_modules(page, tmp_path, name=name).items()}
    assert len(lines) > 60
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", f"--cache-dir={CACHE}", "--show-error-codes"]
    done = subprocess.run(
        [*command, *(path.name for path in sorted(lines))],
        cwd=tmp_path,
        env={"PATH": "", "MYPYPATH": f"{ROOT / 'src'}:{ROOT}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    faults = []
    for file, number, fault in re.findall(r"^(\w+\.py):(\d+): error: (.*)$", done.stdout, flags=re.MULTILINE):
        page_name, above = lines[tmp_path / file]
        faults.append(f"{page_name}:{above + int(number)}: {fault}")
    assert faults == [], "\n".join(faults)
    assert done.returncode == 0, done.stdout + done.stderr


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
