"""Makes a module of each Python snippet of a page, so that a type checker can read it.

A snippet may use the names of `preamble.py`, and `await` outside of a function. One with `title="app.py"` is a file of
its own, and assumes nothing.
"""

import ast
import builtins
import re
import textwrap
from pathlib import Path

_BLOCK = re.compile(r'^```python(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_BINDS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def write_modules(page: Path, into: Path, *, name: str) -> dict[Path, int]:
    """Write one module for each snippet. Returns its path → what to add to a line of it for the line of the page."""
    written = {}
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        line = text[: match.start()].count("\n") + 1
        module = into / f"{re.sub(r'[^a-z0-9]', '_', name.lower())}_line_{line}.py"
        module.write_text(match[2] if match[1] else module_of(match[2]), "utf-8")
        written[module] = line if match[1] else line - 2
    return written


def module_of(code: str) -> str:
    """The snippet with what it assumes, in an async function if it awaits by itself. Keeps the number of each line."""
    tree = compile(code, "snippet", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(tree, ast.Module)
    assumed = sorted(names_assumed(tree))
    head = f"from tools.docs.preamble import {', '.join(assumed)}; " if assumed else ""
    if _awaits(tree):
        first, _, rest = textwrap.indent(code, "    ").partition("\n")
        return f"{head}\nasync def snippet() -> None:\n{first}\n{rest}"
    return f"{head}\n\n{code}"


def names_assumed(tree: ast.Module) -> set[str]:
    """What is used and nowhere defined."""
    bound = set(dir(builtins))
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, _BINDS):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, ast.MatchAs | ast.MatchStar) and node.name
        ):
            bound.add(node.name)
    return used - bound


def _awaits(tree: ast.Module) -> bool:
    """Whether it awaits outside of any function."""
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return False
