"""What the documentation shows is what runs."""

import ast
import functools
import importlib
import inspect
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.testclient import TestClient

import gatepass.client
import gatepass.remote
from gatepass import Gatepass
from gatepass.core.keyring import compose_secret

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "fastapi" / "app.py"
SECRET = compose_secret(b"documentation-example-secret-0123456789")
CREDENTIALS = {"email": "ann@example.com", "password": "correct horse battery staple"}


CALLED: dict[str, Callable[..., Any]] = {
    name: found
    for module in (gatepass, gatepass.client, gatepass.remote)
    for name in module.__all__
    if isinstance(found := getattr(module, name), type)
} | {"Gatepass.from_env": Gatepass.__init__}
"""What snippets call without importing it first: what an application imports."""
_CLASS = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)(?:\([^`]*)?`")
OF_OTHERS = {
    "AuthMiddlewareStack",
    "Containerfile",
    "DatabaseStrategy",
    "Domain",
    "EventSource",
    "HashRouter",
    "MockTransport",
    "RateLimit",
    "WebsocketCommunicator",
}
"""Words between backticks that look like a class of ours: of a cookie, a header, a browser, another library."""
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"^```{language}(?: title=[^\n]*)?\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def snippets(page: Path) -> Iterator[ast.AST]:
    """The Python blocks of a page, parsed."""
    for code in blocks(str(page.relative_to(ROOT)), "python"):
        yield compile(code, page.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def use(app: FastAPI) -> None:
    """Sign up, and call the guarded route with and without the pass."""
    with TestClient(app, base_url="http://localhost:8000") as client:
        made = client.post("/auth/register", json=CREDENTIALS, headers={"Gatepass-Client": "1"})
        assert made.status_code == 201
        me = client.get("/me", headers={"Authorization": f"Bearer {made.json()['access_token']}"})
        assert me.json() == {"account": made.json()["account"]["id"]}
        assert client.get("/me").status_code == 401


@pytest.fixture
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", "http://localhost:8000")


@pytest.mark.usefixtures("_configured")
def test_the_server_of_the_readme_works_as_it_stands() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks("README.md", "python")[0], namespace)
    use(namespace["app"])


@pytest.mark.usefixtures("_configured")
def test_the_example_of_the_server_guide_works_and_is_the_file() -> None:
    assert blocks("docs/guides/server.md", "python")[0] == EXAMPLE.read_text("utf-8")
    use(runpy.run_path(str(EXAMPLE))["app"])


@pytest.mark.usefixtures("_configured")
def test_a_page_of_another_site_gets_in_by_the_cors_rules_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", "https://api.other")
    monkeypatch.setenv("GATEPASS_ORIGINS", "https://app.example")
    monkeypatch.setenv("GATEPASS_SAME_SITE", "none")
    app: FastAPI = runpy.run_path(str(EXAMPLE))["app"]
    (rules,) = [code for code in blocks("docs/guides/browser.md", "python") if "CORSMiddleware" in code]
    exec(rules, {"app": app, "CORSMiddleware": CORSMiddleware})
    page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    with TestClient(app, base_url="https://api.other") as client:
        for method, path, headers in (
            ("POST", "/auth/login", "content-type, gatepass-client"),
            ("POST", "/auth/refresh", "gatepass-session, gatepass-proof"),
            ("GET", "/me", "authorization"),
        ):
            asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
            allowed = client.options(path, headers={**page, **asked})
            assert allowed.status_code in (200, 204), allowed.text  # of the middleware, of the gate
            assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
            assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
        made = client.post("/auth/register", json=CREDENTIALS, headers={**page, "Gatepass-Client": "1"})
        assert made.status_code == 201
        me = client.get("/me", headers={**page, "Authorization": f"Bearer {made.json()['access_token']}"})
        assert (me.status_code, me.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_snippet_is_python_and_imports_what_there_is(page: Path) -> None:
    for tree in snippets(page):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatepass"):
                module = importlib.import_module(node.module or "")
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_snippet_calls_with_arguments_that_there_are(page: Path) -> None:
    for tree in snippets(page):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (called := CALLED.get(ast.unparse(node.func))):
                parameters = inspect.signature(called).parameters
                wrong = {keyword.arg for keyword in node.keywords} - set(parameters)
                assert not wrong or any(one.kind is one.VAR_KEYWORD for one in parameters.values()), ast.unparse(node)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_name_of_a_class_that_a_page_mentions_is_in_the_code(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert set(_CLASS.findall(prose)) - words_of_the_code() - OF_OTHERS == set()


@functools.cache
def words_of_the_code() -> frozenset[str]:
    """Every word in what is shown or shipped."""
    folders = ("src", "web/client/src", "web/client/test/components", "examples")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".ts", ".tsx"}]
    return frozenset(word for file in files for word in re.findall(r"\w+", file.read_text("utf-8")))


def headings(page: Path) -> set[str]:
    """The anchors of a page, as the site makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    plain = [
        re.sub(r"[^\w\s-]", "", title).strip().lower() for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    ]
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "web" / "client" / "README.md"]
    for page in pages:
        for target, fragment in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8")):
            place = page.parent / target if target else page
            assert place.exists(), f"{page.name}: {target}"
            assert not fragment or fragment in headings(place), f"{page.name}: {target}#{fragment}"
