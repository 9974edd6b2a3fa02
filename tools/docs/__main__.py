"""Builds the site into .docs/site, checks it, and serves it. Called by `run.py docs`."""

import argparse
import functools
import http.server
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.docs import check, docstrings, finish, pages

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).with_name("zensical.toml")
WORK = ROOT / ".docs"
SITE = WORK / "site"
PORT = 8001
"""Beside the demo, which is on 8000."""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Shows Markdown instead of offering it for download, and keeps its log to itself."""

    extensions_map: dict[str, str] = {  # noqa: RUF012 (declared so by the class below)
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".md": "text/plain; charset=utf-8",
        ".txt": "text/plain; charset=utf-8",
    }

    def log_message(self, *_facts: object) -> None:
        """Nothing."""


def build() -> list[str]:
    """Build the site; what is wrong with it, one sentence each."""
    text = CONFIG.read_text("utf-8").replace("@SOURCE@", str(ROOT / "src"))
    project = tomllib.loads(text)["project"]
    faults = [f"{link}, which does not exist" for link in pages.gather(ROOT, WORK / "pages")]
    faults += missing(project["nav"], WORK / "pages")
    if faults:
        return faults
    shutil.rmtree(SITE, ignore_errors=True)
    (WORK / "zensical.toml").write_text(text, "utf-8")
    generator = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [generator, "build", "--clean", "--strict"], cwd=WORK, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [done.stdout + done.stderr]
    finish.finish(
        WORK / "pages",
        SITE,
        nav=project["nav"],
        expand=lambda text: docstrings.expand(text, ROOT / "src"),
        title=project["site_name"],
        about=project["site_description"],
    )
    return check.faults_of(SITE)


def missing(nav: finish.Nav, gathered: Path) -> list[str]:
    """Pages that are in no navigation, and entries without a page. A source file needs only a link."""
    named = {path for entry in nav for content in entry.values() for path in finish.paths_of(content)}
    there = {path.relative_to(gathered).as_posix() for path in gathered.rglob("*.md")}
    hidden = {path for path in there - named if not path.startswith("files/")}
    return [f"{path} is in no navigation" for path in sorted(hidden)] + [
        f"there is no {path}" for path in sorted(named - there)
    ]


def serve(port: int) -> None:
    """Until Ctrl-C, on loopback."""
    handler = functools.partial(Handler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"The documentation is on http://localhost:{server.server_port} (Ctrl-C ends it).", flush=True)
        server.serve_forever()


def main() -> None:
    """Build, check, and unless --build, serve."""
    parser = argparse.ArgumentParser(prog="run.py docs", description="Build the documentation, check it, and serve it.")
    parser.add_argument("--build", action="store_true", help="build and check only; the site is in .docs/site")
    parser.add_argument("--port", type=int, default=PORT)
    arguments = parser.parse_args()
    faults = build()
    if faults:
        print("\n".join(faults), file=sys.stderr)
        raise SystemExit(f"{len(faults)} faults in the documentation.")
    count = len(list(SITE.rglob("*.html")))
    print(
        f"{count} pages in {SITE.relative_to(ROOT)}: links and anchors hold, nothing is loaded from elsewhere.",
        flush=True,
    )
    if not arguments.build:
        serve(arguments.port)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
