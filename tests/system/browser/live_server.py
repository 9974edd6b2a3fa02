"""The application with live connections, and a page that puts a session where `test_live.py` can reach it."""

from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from tests.system.browser.client_files import client_files
from tests.system.browser.page_server import PAGE, SCRIPT, before
from tests.system.deployments.live_application import app

app.mount("/client", StaticFiles(directory=client_files()))
app.router.routes.append(before(Path()))


@app.get("/page.js")
async def script() -> Response:
    """What the page runs."""
    return Response(SCRIPT + 'window.stage.live = await import("/client/live.js");', media_type="text/javascript")


@app.get("/")
async def page() -> Response:
    """The page."""
    return HTMLResponse(PAGE)
