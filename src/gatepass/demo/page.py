"""Serves the built page: index.html for every path without a route of its own, and assets that browsers keep for ever.

The Content-Security-Policy is the strictest possible: this origin only, no inline script, no inline style.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from gatepass.wire.asgi import Scope

FOLDER = Path(__file__).parent / "page"
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_built() -> bool:
    """Whether the page exists: a wheel contains it, a checkout must build it once."""
    return (FOLDER / "index.html").is_file()


async def index(_request: Request) -> Response:
    """index.html, never cached: it names the assets of this build."""
    if not is_built():
        return PlainTextResponse("The page is not built yet. Run: python3 run.py demo\n", 503)
    return FileResponse(FOLDER / "index.html", headers={**_SECURITY_HEADERS, "Cache-Control": "no-store"})


class Assets(StaticFiles):
    """Files whose names contain a hash of their content, so they never change."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER / "assets", check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, cacheable for a year. Raises HTTPException (404)."""
        response = await super().get_response(path, scope)
        response.headers.update({**_SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"})
        return response
