"""Gathers the pages: docs/, the pages at the root of the repository, and every file that one of them links to.

A link from a page to a source file works in the repository. A site has no source files, so each that is linked becomes
a page that shows it. Links are rewritten; nothing else of a page is touched.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

_FENCE = re.compile(r"^\s*(```|~~~)")
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
ROOT_PAGES: Mapping[str, str] = {
    "SECURITY.md": "project/security.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
LANGUAGES = {".py": "python", ".ts": "typescript", ".mjs": "javascript", ".toml": "toml", ".json": "json"}


def gather(root: Path, into: Path) -> list[str]:
    """Write all pages below `into`. Returns the links that lead nowhere, as `page: target`."""
    shutil.rmtree(into, ignore_errors=True)
    places = places_of(root)
    faults: list[str] = []
    shown: set[str] = set()

    def resolve(page: str) -> Callable[[re.Match[str]], str]:
        def link(match: re.Match[str]) -> str:
            target, fragment = match[1], match[2] or ""
            if re.match(r"[a-z]+:", target):
                return match[0]
            source = os.path.normpath(os.path.join(os.path.dirname(page), target))
            if source not in places and not (root / source).is_file():
                faults.append(f"{page}: {target}")
                return match[0]
            if source not in places and not _is_asset(source):
                shown.add(source)
            place = places.get(source) or (source.removeprefix("docs/") if _is_asset(source) else shown_at(source))
            return os.path.relpath(place, os.path.dirname(places[page]) or ".") + fragment

        return link

    for page, place in places.items():
        text = rewrite((root / page).read_text("utf-8"), resolve(page))
        _write(into / place, text)
    for source in sorted(shown):
        _write(into / shown_at(source), page_of(source, (root / source).read_text("utf-8")))
    shutil.copytree(root / "docs" / "images", into / "images")
    return faults


def places_of(root: Path) -> dict[str, str]:
    """Page in the repository → page of the site. A README is the index of its folder."""
    docs = sorted((root / "docs").rglob("*.md"))
    found = {
        str(PurePosixPath(path.relative_to(root))): str(PurePosixPath(path.relative_to(root / "docs"))) for path in docs
    }
    return {page: re.sub(r"README\.md$", "index.md", place) for page, place in found.items()} | dict(ROOT_PAGES)


def rewrite(text: str, link: Callable[[re.Match[str]], str]) -> str:
    """Call `link` for every link outside of code blocks."""
    lines = []
    is_code = False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            is_code = not is_code
        lines.append(line if is_code else _LINK.sub(link, line))
    return "".join(lines)


def shown_at(source: str) -> str:
    """Where the page lies that shows a source file."""
    return f"files/{source.replace('/', '.')}.md"


def page_of(source: str, text: str) -> str:
    """A page that shows a source file; its fence is longer than any in the file."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`{3,}", text) or ["``"]))
    language = LANGUAGES.get(PurePosixPath(source).suffix, "text")
    return f"# {source}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _is_asset(source: str) -> bool:
    return source.startswith("docs/images/")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
