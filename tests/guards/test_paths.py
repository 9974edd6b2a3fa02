"""An endpoint has one address, whichever framework finds it: a proxy's rule for /auth/login must hold for all of it."""

import pytest

from tests.guards.conftest import Guarded
from tests.support.asgi import call


@pytest.mark.parametrize("path", ["/auth/jwks.json/", "/auth/jwks.json//", "/auth//jwks.json"])
async def test_no_other_number_of_slashes_leads_to_it(guarded: Guarded, path: str) -> None:
    assert (await call(guarded.app, "GET", "/auth/jwks.json")).status == 200
    assert (await call(guarded.app, "GET", path)).status == 404
