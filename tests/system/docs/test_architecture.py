"""The architecture page names files that exist, and folders that are all there are. So does every other page."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "project" / "architecture.md").read_text("utf-8")
PACKAGE = ROOT / "src" / "gatepass"
WEB = ROOT / "web" / "client" / "src"
OURS = ("src", "tests", "tools", "web/client", "web/demo", "benchmarks", "examples", "contract", "docs")
PAGES = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "web" / "client" / "README.md"]


def test_every_file_that_a_trip_names_exists() -> None:
    names = re.findall(r"[`\s\[]([a-z_/-]+\.(?:py|ts))`", PAGE.partition("## Trips through the files")[2])
    every = [path.relative_to(base).as_posix() for base in (PACKAGE, WEB) for path in base.rglob("*.*")]
    assert len(names) > 40
    assert sorted({name for name in names if not any(f"/{path}".endswith(f"/{name}") for path in every)}) == []


def test_the_first_trip_in_the_page_is_one_of_files_that_exist() -> None:
    shown = re.findall(
        r"^([a-z_]+(?:/[a-z_]+)+)  ", PAGE.partition("```text\n")[2].partition("```")[0], flags=re.MULTILINE
    )
    assert len(shown) == 6
    assert [name for name in shown if not (PACKAGE / f"{name}.py").is_file()] == []


def test_every_folder_of_the_package_is_explained() -> None:
    table = PAGE.partition("| folder | holds |")[2].partition("\n\n")[0]
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert set(re.findall(r"`([a-z]+)/`", "".join(row.split("|")[1] for row in table.splitlines() if row))) == folders


def test_every_source_file_and_folder_that_any_page_names_is_there() -> None:
    every = [str(file.relative_to(ROOT)) for folder in OURS for file in (ROOT / folder).rglob("*")]
    every += [file.name for file in ROOT.iterdir()]
    lacking = [
        (page.name, name)
        for page in PAGES
        for name in re.findall(
            r"`([\w./-]+\.(?:py|tsx?|mjs)|(?:tests|src|tools|web)/(?!node_modules)[\w./-]*)[`:]",
            page.read_text("utf-8"),
        )
        if not (ROOT / name).exists() and not any(path.endswith(f"/{name}") for path in every)
    ]
    assert lacking == []
