"""Finishes the built site: a policy in every page, a Markdown twin beside it, and llms.txt."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; base-uri 'self'; form-action 'self'"
)
"""The browser itself refuses any request to another host, whatever the theme's scripts contain."""
Nav = list[dict[str, Any]]


def finish(pages: Path, site: Path, *, nav: Nav, expand: Callable[[str], str], title: str, about: str) -> None:
    """`pages`: the gathered Markdown; `expand` puts docstrings in the place of directives."""
    for page in sorted(pages.rglob("*.md")):
        name = page.relative_to(pages)
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(expand(page.read_text("utf-8")), "utf-8")
    for page in sorted(site.rglob("*.html")):
        twin = page.with_suffix(".md")
        page.write_text(headed(page.read_text("utf-8"), twin.name if twin.is_file() else None), "utf-8")
    (site / "llms.txt").write_text(index_of(nav, site, title=title, about=about), "utf-8")


def headed(html: str, twin: str | None) -> str:
    """The page with the policy, and a link to its twin, at the start of its head."""
    marks = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    if twin:
        marks += f'\n    <link rel="alternate" type="text/markdown" href="{twin}">'
    if html.count("<head>") != 1:
        raise SystemExit("A page of the generator has no <head>: nothing can be said to keep its requests here.")
    return html.replace("<head>", f"<head>\n    {marks}")


def index_of(nav: Nav, site: Path, *, title: str, about: str) -> str:
    """llms.txt (https://llmstxt.org): every page with its first sentence, in the order of the navigation."""
    lines = [
        f"# {title}",
        "",
        f"> {about}",
        "",
        "Each page is Markdown; the HTML page has the same name with .html.",
        "",
    ]
    for entry in nav:
        for label, content in entry.items():
            found = list(paths_of(content))
            lines += [f"## {label}", "", *(line_of(site / path, path) for path in found), ""]
    return "\n".join(lines)


def paths_of(content: Any) -> list[str]:
    """All pages of a part of the navigation."""
    if isinstance(content, str):
        return [content]
    entries = content if isinstance(content, list) else content.values()
    return [path for entry in entries for path in paths_of(entry)]


def line_of(page: Path, path: str) -> str:
    """`- [Title](path): first sentence`."""
    text = page.read_text("utf-8")
    prose = re.sub(r"^(```|~~~).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
    paragraphs = re.findall(r"^(?![#|>*\s-]|\d\.|<)(.+(?:\n.+)*)", prose, flags=re.MULTILINE)
    first = re.split(r"(?<=[.!?])\s", " ".join(paragraphs[0].split()))[0] if paragraphs else ""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", first).rstrip(":")
    return f"- [{found[1] if found else path}]({path})" + (f": {plain}" if plain else "")
