"""What the tests of guides do: load a program of a page, serve it, and sign up."""

import sys
from types import ModuleType
from typing import Any

from starlette.testclient import TestClient

from tests.support.tutorial import ROOT, blocks

GUIDES = ROOT / "docs" / "guides"
ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}
Headers = dict[str, str]


def program(guide: str, name: str) -> ModuleType:
    """The file of a page as a module."""
    (text,) = [block.text for block in blocks(GUIDES / f"{guide}.md") if block.title == name]
    module = ModuleType(f"{guide}_{name.removesuffix('.py')}".replace("-", "_"))
    sys.modules[module.__name__] = module  # where pydantic and FastAPI look for names
    exec(compile(text, f"{guide}.md/{name}", "exec"), vars(module))
    return module


def serving(app: Any) -> TestClient:
    return TestClient(app, base_url="https://testserver")


def sign_up(client: TestClient, email: str = "ann@example.com") -> tuple[str, Headers]:
    """The id of a new account, and the headers of its calls."""
    made = client.post("/auth/register", json={**ANN, "email": email}, headers=PAGE).json()
    return made["account"]["id"], {"Authorization": f"Bearer {made['access_token']}"}
