"""The examples for frameworks without ASGI, each started as its first lines say, on a real socket."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support import preloaded
from tests.support.process import environment, gatepass, until_listening
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CREDENTIALS = {"email": "ann@example.com", "password": "correct horse battery staple"}
NATIVE = {"Gatepass-Client": "1"}
COMMANDS = {
    "flask": [sys.executable, "-m", "flask", "--app", "{app}", "run", "--port", "{port}"],
    "django": [sys.executable, "{app}", "runserver", "--noreload", "{port}"],
    "wsgi": [sys.executable, "{app}"],
}


@pytest.fixture(params=["wsgi", *(pytest.param(name, marks=pytest.mark.full) for name in ("django", "flask"))])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx2.Client]:
    """The example, in a folder that `gatepass init` has prepared. The tutorials start Django and Flask anyway."""
    port = free_port()
    assert gatepass(tmp_path, "init", "--public-url", f"http://localhost:{port}").returncode == 0
    text = (ROOT / "examples" / request.param / "app.py").read_text("utf-8")
    (tmp_path / "app.py").write_text(text.replace("8000", str(port)), "utf-8")
    command = [part.format(app="app.py", port=port) for part in COMMANDS[request.param]]
    with (tmp_path / "said").open("wb") as said:
        process = preloaded.start(
            command, cwd=tmp_path, env={**environment(), "PYTHONWARNINGS": ""}, stdout=said, stderr=said
        )
        try:
            until_listening(process, port)
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_sign_up_call_sign_out_and_be_refused_at_once(server: httpx2.Client) -> None:
    made = server.post("/auth/register", json=CREDENTIALS, headers=NATIVE)
    assert made.status_code == 201
    bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
    assert server.get("/me", headers=bearer).json() == {"account": made.json()["account"]["id"]}
    assert server.get("/me").status_code == 401
    assert server.post("/auth/logout", headers={**bearer, **NATIVE}).status_code == 204
    refused = server.get("/me", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid-token")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_page_on_guards_shows_them_as_they_are(name: str) -> None:
    page = (ROOT / "docs" / "guides" / "guards.md").read_text("utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert (ROOT / "examples" / name / "app.py").read_text("utf-8") in shown
