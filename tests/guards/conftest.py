"""Each test of this folder that takes `guarded` runs once behind each guard."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.wire.asgi import ASGIApp
from tests.guards import apps
from tests.guards.shared_apps import running
from tests.support.browser import Browser
from tests.support.gates import GateHarness


@dataclass
class Guarded:
    """A started application and a browser that is signed in at it. `ann.app` is the gate, `app` the guarded."""

    at: GateHarness
    app: ASGIApp
    ann: Browser
    prefix: str = ""
    """Before the paths of routes, as the application sees them."""

    def visitor(self) -> Browser:
        """The browser of `ann` at the application instead of at the gate."""
        browser = self.ann.clone(key=self.ann.key)
        browser.app = self.app
        return browser


def scopes(session: Session) -> dict[str, Json]:
    """The hook of these tests: everybody may read notes whose session is remembered."""
    return {"scope": "notes:read profile"} if session.remember else {}


@pytest.fixture(params=sorted(apps.ALL))
async def guarded(request: pytest.FixtureRequest) -> AsyncIterator[Guarded]:
    at = GateHarness(tokens=Tokens(claims=scopes))
    async with running(request.param, at.gate) as app:
        ann = Browser(app, mount="/auth")
        assert (await ann.register()).status == 201
        ann.app, ann.mount = at.gate.asgi, ""
        at.store.verbs.clear()
        yield Guarded(at, app, ann, apps.PREFIXES.get(request.param, ""))
