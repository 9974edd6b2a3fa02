"""CONTRIBUTING shows the import levels that the linter keeps: one table, rendered from pyproject.toml."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def levels() -> str:
    """The table of levels, lowest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = (one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    rows = [f"| {number} | {_names(row)} |" for number, row in enumerate(reversed(contract["layers"]))]
    return "\n".join(["| level | |", "|--:|---|", *rows])


def _names(row: str) -> str:
    folders = (ROOT / "src" / "gatepass").iterdir()
    is_folder = {path.name: path.is_dir() for path in folders}
    return " · ".join(f"`{name}/`" if is_folder.get(name) else f"`{name}`" for name in row.split(" | "))


def test_contributing_shows_the_levels_that_are_kept() -> None:
    assert levels() in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
