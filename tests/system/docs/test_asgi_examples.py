"""The examples for ASGI, each under uvicorn on a real socket, as their first lines say."""

import contextlib
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
WITH_ENDPOINTS = [
    "asgi",
    *(pytest.param(name, marks=pytest.mark.full) for name in ("fastapi", "litestar", "starlette")),
]
"""Of FastAPI there is a tutorial, and Litestar is the gate of another service below: they are started anyway."""


@contextlib.contextmanager
def uvicorn(name: str, folder: Path, *, gate: str = "") -> Iterator[httpx2.Client]:
    """An example on a port of its own. `gate`: the public URL of the gate, if it is elsewhere."""
    port = free_port()
    if not gate:
        assert gatepass(folder, "init", "--public-url", f"http://localhost:{port}").returncode == 0
    (folder / f"{name}_app.py").write_bytes((ROOT / "examples" / name / "app.py").read_bytes())
    command = [sys.executable, "-m", "uvicorn", f"{name}_app:app", "--port", str(port)]
    with (folder / f"{name}_said").open("wb") as said:
        settings = {**environment(), "GATE": gate}
        process = preloaded.start(command, cwd=folder, env=settings, stdout=said, stderr=said)
        try:
            until_listening(process, port)
            with httpx2.Client(base_url=f"http://localhost:{port}") as client:
                yield client
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.parametrize("name", WITH_ENDPOINTS)
def test_sign_up_call_sign_out_and_be_refused_at_once(name: str, tmp_path: Path) -> None:
    with uvicorn(name, tmp_path) as server:
        assert server.get("/me", headers={"Authorization": "Bearer x"}).status_code == 401, "before anybody signed in"
        made = server.post("/auth/register", json=CREDENTIALS, headers=NATIVE)
        assert made.status_code == 201
        bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
        assert server.get("/me", headers=bearer).json() == {"account": made.json()["account"]["id"]}
        assert server.get("/me").status_code == 401
        assert server.post("/auth/logout", headers={**bearer, **NATIVE}).status_code == 204
        refused = server.get("/me", headers=bearer)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid-token")


def test_another_service_knows_the_callers_of_a_gate_by_its_public_keys(tmp_path: Path) -> None:
    with uvicorn("litestar", tmp_path) as gate:
        made = gate.post("/auth/register", json=CREDENTIALS, headers=NATIVE)
        bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
        with uvicorn("service", tmp_path, gate=str(gate.base_url).rstrip("/")) as service:
            assert service.get("/me", headers=bearer).json() == {"account": made.json()["account"]["id"]}
            assert service.get("/me").status_code == 401
            assert service.get("/me", headers={"Authorization": "Bearer x"}).json()["code"] == "invalid-token"


@pytest.mark.parametrize("name", ["asgi", "litestar", "service", "starlette"])
def test_the_page_on_guards_shows_them_as_they_are(name: str) -> None:
    page = (ROOT / "docs" / "guides" / "guards.md").read_text("utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert (ROOT / "examples" / name / "app.py").read_text("utf-8") in shown
