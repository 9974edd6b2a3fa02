"""The plugin of pytest: its fixtures in a run of its own, and what it does not do to runs that have no use for it."""

import os
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow
APP = """
    from typing import Annotated

    import httpx
    import pytest
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from gatepass import Principal
    from gatepass.guards.fastapi import requires

    def app_of(gate):
        app = FastAPI(lifespan=gate.lifespan)

        @app.get("/notes")
        def notes(principal: Annotated[Principal, requires("notes:read")]) -> str:
            return principal.account_id

        return app

    @pytest.fixture
    def client(gatepass_gate):
        with TestClient(app_of(gatepass_gate)) as client:
            yield client
"""
TESTS = """
    import httpx
    import pytest
    from conftest import app_of

    def test_a_caller(client, gatepass_sign_in):
        assert client.get("/notes", headers=gatepass_sign_in("7", scopes=["notes:read"])).json() == "7"
        assert client.get("/notes", headers=gatepass_sign_in("7")).status_code == 403
        assert client.get("/notes").status_code == 401

    def test_time(client, gatepass_sign_in, gatepass_clock):
        headers = gatepass_sign_in(scopes=["notes:read"])
        gatepass_clock.advance(15 * 60 + 5)
        assert client.get("/notes", headers=headers).json()["code"] == "invalid-token"

    @pytest.mark.asyncio
    async def test_an_async_client(gatepass_gate, gatepass_sign_in):
        transport = httpx.ASGITransport(app=gatepass_gate.guard(app_of(gatepass_gate)))
        client = httpx.AsyncClient(transport=transport, base_url="https://testserver")
        async with gatepass_gate.running(), client:
            answer = await client.get("/notes", headers=gatepass_sign_in("7", scopes=["notes:read"]))
            assert answer.json() == "7"
"""
DJANGO = """
    import pytest
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path
    from gatepass.guards.django.principal import current_principal

    def me(request):
        return JsonResponse({"account": current_principal(request).account_id, "user": request.user.get_username()})

    urlpatterns = [path("me", me)]

    def pytest_configure():
        settings.configure(
            SECRET_KEY="only for tests",
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF="conftest",
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "gatepass.guards.django"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            MIDDLEWARE=["gatepass.guards.django.middleware.GatepassMiddleware"],
            GATEPASS_USERS="gatepass.guards.django.users.DjangoUsers",
        )
"""
DJANGO_TESTS = """
    import pytest

    @pytest.mark.django_db(transaction=True)
    def test_a_user_of_django(client, django_user_model, gatepass_sign_in):
        ann = django_user_model.objects.create_user("ann", "ann@example.com")
        answer = client.get("/me", headers=gatepass_sign_in(ann))
        assert answer.json() == {"account": str(ann.pk), "user": "ann"}
        assert client.get("/me").status_code == 401

    def test_the_settings_are_as_before(settings):
        assert not hasattr(settings, "GATEPASS")
"""


def run(folder: Path, *arguments: str, plugins: Sequence[str] = (), **files: str) -> str:
    """The output of a run of pytest over these modules, all of whose tests pass. No other plugins are loaded."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    (folder / "pytest.ini").write_text("[pytest]\n")
    named = [word for plugin in ("gatepass.testing.plugin", *plugins) for word in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *named, *arguments, "."]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pytest_finds_it_by_its_entry_point() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"gatepass": "gatepass.testing.plugin"}


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_fixtures_work_in_both_modes_of_pytest_asyncio(mode: str, tmp_path: Path) -> None:
    options = [f"--asyncio-mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function"]
    said = run(tmp_path, *options, plugins=["asyncio"], conftest=APP, test_notes=TESTS)
    assert "3 passed" in said


def test_a_run_that_asks_for_no_fixture_imports_nothing_of_the_package(tmp_path: Path) -> None:
    tests = """
        import sys

        def test_what_is_loaded():
            ours = {name for name in sys.modules if name.partition(".")[0] == "gatepass"}
            assert ours == {"gatepass", "gatepass._lazy", "gatepass.testing", "gatepass.testing.plugin"}
            assert not {"cryptography", "pydantic", "argon2"} & set(sys.modules)
    """
    assert "1 passed" in run(tmp_path, test_nothing=tests)


@pytest.mark.skipif(find_spec("pytest_django") is None, reason="pytest-django is not installed")
def test_with_pytest_django_a_row_of_its_users_is_the_caller(tmp_path: Path) -> None:
    assert "2 passed" in run(tmp_path, plugins=["django"], conftest=DJANGO, test_notes=DJANGO_TESTS)


def test_where_pytest_django_is_only_installed_no_test_is_skipped(tmp_path: Path) -> None:
    conftest = """
        import pytest

        class Installed:
            @pytest.fixture
            def settings(self):
                pytest.skip("no Django settings")  # as pytest-django's does without any

        def pytest_configure(config):
            config.pluginmanager.register(Installed(), "django")
    """
    tests = """
        def test_a_caller(gatepass_gate, gatepass_sign_in):
            assert gatepass_sign_in("7")["Authorization"].startswith("Bearer ")
    """
    assert "1 passed" in run(tmp_path, conftest=conftest, test_notes=tests)


def test_without_a_server_the_fixture_of_playwright_says_what_to_name(tmp_path: Path) -> None:
    tests = """
        import pytest

        @pytest.fixture
        def base_url():
            return None

        def test_a_page(request):
            with pytest.raises(pytest.fail.Exception, match="Name the server: --base-url"):
                request.getfixturevalue("gatepass_sign_in_browser")
    """
    assert "1 passed" in run(tmp_path, test_page=tests)
