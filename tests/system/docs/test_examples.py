"""What the documentation shows is what runs."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "fastapi" / "app.py"
SECRET = "ZG9jdW1lbnRhdGlvbi1leGFtcGxlLXNlY3JldC0wMTIzNDU2Nzg5"
CREDENTIALS = {"email": "ann@example.com", "password": "correct horse battery staple"}


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def use(app: FastAPI) -> None:
    """Sign up, and call the guarded route with and without the pass."""
    with TestClient(app, base_url="http://localhost:8000") as client:
        made = client.post("/auth/register", json=CREDENTIALS, headers={"Gatepass-Client": "1"})
        assert made.status_code == 201
        me = client.get("/me", headers={"Authorization": f"Bearer {made.json()['access_token']}"})
        assert me.json() == {"account": made.json()["account"]["id"]}
        assert client.get("/me").status_code == 401


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", "http://localhost:8000")


def test_the_server_of_the_readme_works_as_it_stands() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks("README.md", "python")[0], namespace)
    use(namespace["app"])


def test_the_example_of_the_server_guide_works_and_is_the_file() -> None:
    assert blocks("docs/guides/server.md", "python")[0] == EXAMPLE.read_text("utf-8")
    use(runpy.run_path(str(EXAMPLE))["app"])


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "web" / "client" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
