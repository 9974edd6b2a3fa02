"""What must hold of a built site: every link and anchor leads somewhere, and nothing is loaded from elsewhere.

A link that a reader may follow is no request; stylesheets, scripts, images, fonts, frames and forms are.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    ("script", "src"), ("img", "src"), ("img", "srcset"), ("iframe", "src"), ("source", "src"), ("source", "srcset"),
    ("video", "src"), ("audio", "src"), ("embed", "src"), ("object", "data"), ("form", "action"),
    ("use", "href"), ("base", "href"),
}  # fmt: skip
LINKS_THAT_LOAD = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
_IN_CSS = re.compile(r"""(?:@import\s+["']?|url\(\s*["']?)(?:https?:)?//([^"'\s)]+)""")


class Reader(HTMLParser):
    """One page: its ids, where it links to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag says."""
        facts = {name: value or "" for name, value in attrs}
        self.ids |= {facts[name] for name in ("id", "name") if name in facts}
        if tag == "a" and "href" in facts:
            self.links.append(facts["href"])
        if tag == "link" and LINKS_THAT_LOAD & set(facts.get("rel", "").split()):
            self.loads.append(facts.get("href", ""))
        if tag == "meta" and facts.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = facts.get("content", "")
        self.loads += [value for name, value in facts.items() if (tag, name) in LOADS]
        self.loads += [f"//{host}" for host in _IN_CSS.findall(facts.get("style", ""))]


def read(site: Path) -> dict[Path, Reader]:
    """All pages of a site."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        reader = Reader()
        reader.feed(path.read_text("utf-8"))
        pages[path] = reader
    return pages


def faults_of(site: Path) -> list[str]:
    """Everything that is wrong with a site, one sentence each."""
    pages = read(site)
    return [*_foreign(site, pages), *_broken(site, pages), *_without_policy(site, pages)]


def _foreign(site: Path, pages: dict[Path, Reader]) -> Iterator[str]:
    for path, page in pages.items():
        for url in page.loads:
            if re.match(r"(https?:)?//", url):
                yield f"{path.relative_to(site)} loads {url}"
    for path in sorted(site.rglob("*.css")):
        for host in _IN_CSS.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(site)} loads {host}"


def _broken(site: Path, pages: dict[Path, Reader]) -> Iterator[str]:
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # it is shown at any depth, so its links are made absolute by the server that shows it
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{path.relative_to(site)} links to {link}, which does not exist"
            elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids | {"__skip"}:
                yield f"{path.relative_to(site)} links to {link}, which has no such heading"


def _without_policy(site: Path, pages: dict[Path, Reader]) -> Iterator[str]:
    for path, page in pages.items():
        if "default-src 'self'" not in page.policy:
            yield f"{path.relative_to(site)} has no policy that keeps requests on the site"
