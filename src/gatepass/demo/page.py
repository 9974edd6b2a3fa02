"""The built page: index.html for every path that is nothing else, hashed assets for ever.

The policy is the strictest there is: nothing but this origin, no inline script, no inline style.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from gatepass.wire.asgi import Scope

HERE = Path(__file__).parent / "page"
_GUARDED = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_built() -> bool:
    """Whether there is a page to show: wheels carry it, a checkout has to build it once."""
    return (HERE / "index.html").is_file()


async def index(_request: Request) -> Response:
    """The page itself, never cached: it names the assets of this very build."""
    if not is_built():
        return PlainTextResponse("The page is not built yet. Run: python3 run.py demo\n", 503)
    return FileResponse(HERE / "index.html", headers={**_GUARDED, "Cache-Control": "no-store"})


class Assets(StaticFiles):
    """Files whose names are hashes of their content: they never change."""

    def __init__(self) -> None:
        super().__init__(directory=HERE / "assets", check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file. Raises HTTPException (404) where there is none."""
        response = await super().get_response(path, scope)
        response.headers.update({**_GUARDED, "Cache-Control": "public, max-age=31536000, immutable"})
        return response
