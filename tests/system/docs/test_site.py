"""The parts of the site that are ours: gathering pages, twins, llms.txt, and the checks of what was built.

The generator itself is not among the packages of the tests: `run.py docs --build` runs it, with these checks.
"""

import tomllib
from pathlib import Path

import pytest

from tools.docs import check, finish, pages

ROOT = Path(__file__).resolve().parents[3]
NAV = tomllib.loads((ROOT / "tools" / "docs" / "zensical.toml").read_text("utf-8"))["project"]["nav"]


@pytest.fixture
def gathered(tmp_path: Path) -> Path:
    assert pages.gather(ROOT, tmp_path / "pages") == []
    return tmp_path / "pages"


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page(gathered: Path) -> None:
    named = [path for entry in NAV for content in entry.values() for path in finish.paths_of(content)]
    there = {path.relative_to(gathered).as_posix() for path in gathered.rglob("*.md")}
    assert len(named) == len(set(named))
    assert set(named) == {path for path in there if not path.startswith("files/")}


def test_a_link_to_a_source_file_leads_to_a_page_that_shows_it(gathered: Path) -> None:
    page = (gathered / "concepts" / "refresh-and-reuse.md").read_text("utf-8")
    assert "(../files/src.gatepass.core.rotation.py.md)" in page
    shown = (gathered / "files" / "src.gatepass.core.rotation.py.md").read_text("utf-8")
    assert (ROOT / "src" / "gatepass" / "core" / "rotation.py").read_text("utf-8").rstrip() in shown


def test_links_in_code_stay_as_they_are() -> None:
    text = "[a](b.md)\n```md\n[a](b.md)\n```\n[a](b.md#c)\n"
    assert pages.rewrite(text, lambda match: "x") == "[a](x)\n```md\n[a](b.md)\n```\n[a](x)\n"


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        (tmp_path / name).write_text("# Page\n")
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (tmp_path / "docs" / "index.md").write_text("[here](nowhere.md) [there](https://example.com/)\n")
    assert pages.gather(tmp_path, tmp_path / "out") == ["docs/index.md: nowhere.md"]


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<script src="//cdn.example/x.js"></script>',
        '<img src="https://badge.example/x.svg">',
        '<p style="background: url(https://x.example/y.png)">',
        '<form action="https://x.example/"></form>',
        '<link rel="dns-prefetch" href="//x.example">',
    ],
)
def test_what_is_loaded_from_elsewhere_is_told(html: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(finish.headed(f"<head></head>{html}", None))
    assert [fault for fault in check.faults_of(tmp_path) if " loads " in fault] != []


def test_what_a_stylesheet_loads_from_elsewhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.css").write_text(
        '@import "https://a.example/x.css"; b { c: url(//d.example/e.woff2) } f { g: url(h.png) }'
    )
    assert check.faults_of(tmp_path) == ["x.css loads a.example/x.css", "x.css loads d.example/e.woff2"]


def test_a_link_that_a_reader_may_follow_is_no_request(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(finish.headed('<head></head><a href="https://example.com/">x</a>', None))
    assert check.faults_of(tmp_path) == []


def test_broken_links_missing_headings_and_a_missing_policy_are_told(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<head></head><a href="b.html">x</a><a href="#c">x</a><h1 id="d">x</h1>')
    assert len(check.faults_of(tmp_path)) == 3


def test_a_finished_site_has_a_policy_twins_and_an_index(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# Start\n\nOne **sentence**, with a [link](x.md). Another one.\n")
    (tmp_path / "site" / "index.html").write_text("<html><head></head></html>")
    nav = [{"Start": ["index.md"]}]
    finish.finish(tmp_path / "pages", tmp_path / "site", nav=nav, expand=str, title="T", about="A.")
    page = (tmp_path / "site" / "index.html").read_text()
    assert "default-src 'self'" in page
    assert '<link rel="alternate" type="text/markdown" href="index.md">' in page
    assert (tmp_path / "site" / "index.md").read_text().startswith("# Start")
    assert "- [Start](index.md): One sentence, with a link." in (tmp_path / "site" / "llms.txt").read_text()
