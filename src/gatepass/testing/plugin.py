"""Fixtures for the tests of applications. pytest loads this wherever Gatepass is installed (`pytest11`).

    def test_notes(client, gatepass_sign_in):
        assert client.get("/notes", headers=gatepass_sign_in("ann@example.com")).status_code == 200

Nothing of Gatepass is imported before a test asks for a fixture. All fixtures are plain functions, so they work with
pytest-asyncio in both of its modes, with anyio and without either. `-p no:gatepass` leaves the plugin out.
"""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gatepass import Gatepass
    from gatepass.testing import ManualClock


@pytest.fixture
def gatepass_clock() -> "ManualClock":
    """The clock of `gatepass_gate`: `gatepass_clock.advance(900)` lets access tokens expire."""
    from gatepass.testing.clock import ManualClock

    return ManualClock()


@pytest.fixture
def gatepass_gate(request: pytest.FixtureRequest, gatepass_clock: "ManualClock") -> "Gatepass":
    """A gate in memory. Override it in conftest.py to give the gate of the application its options.

    With pytest-django it is the setting GATEPASS for this test, with the users of GATEPASS_USERS; not where that plugin
    is only installed, and the project has no settings of Django.
    """
    from gatepass.testing.gates import memory_gate

    if not (request.config.pluginmanager.hasplugin("django") and _is_django_configured()):
        return memory_gate(clock=gatepass_clock)
    settings = request.getfixturevalue("settings")
    named, options = getattr(settings, "GATEPASS_USERS", None), {}
    if named is not None:
        from pkgutil import resolve_name

        options = {"users": resolve_name(":".join(named.rsplit(".", 1)))()}
    settings.GATEPASS = gate = memory_gate(clock=gatepass_clock, **options)
    return gate


def _is_django_configured() -> bool:
    """As pytest-django asks it; without settings it skips each test that asks for its fixture `settings`."""
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return True
    conf = sys.modules.get("django.conf")
    return conf is not None and bool(conf.settings.configured)


@pytest.fixture
def gatepass_sign_in(gatepass_gate: "Gatepass") -> Callable[..., dict[str, str]]:
    """`sign_in` at the gate of the test: `gatepass_sign_in("ann@example.com", scopes=["notes:read"])`."""
    from functools import partial

    from gatepass.testing.tokens import sign_in

    return partial(sign_in, gatepass_gate)


@pytest.fixture
def gatepass_auth(request: pytest.FixtureRequest) -> str:
    """The address of the endpoints for `gatepass_sign_in_browser`: /auth at the `--base-url` of pytest-playwright."""
    base_url = request.getfixturevalue("base_url")
    if not base_url:
        pytest.fail("Name the server: --base-url=http://localhost:8000, or override the fixture gatepass_auth.")
    return f"{base_url.rstrip('/')}/auth"


@pytest.fixture
def gatepass_sign_in_browser(request: pytest.FixtureRequest, gatepass_auth: str) -> Callable[..., dict[str, Any]]:
    """Sign in the `context` of pytest-playwright: `gatepass_sign_in_browser("ann@example.com")`, before `page.goto`."""
    from functools import partial

    from gatepass.testing.browsers import sign_in_browser

    return partial(sign_in_browser, request.getfixturevalue("context"), auth=gatepass_auth)
