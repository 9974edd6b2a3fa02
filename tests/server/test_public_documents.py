"""The key set and the description are public: a page of any origin reads them, with no credentials and no preflight."""

import pytest

from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate

FRIEND, STRANGER = "https://app.example", "https://elsewhere.example"


def granted(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("access-control-allow-")}


@pytest.mark.parametrize("origin", [STRANGER, "null", None])
@pytest.mark.parametrize("foreign", [(), (FRIEND,)])
@pytest.mark.parametrize("path", ["/jwks.json", "/openapi.json"])
async def test_any_page_reads_them(path: str, foreign: tuple[str, ...], origin: str | None) -> None:
    async with open_gate(browsers=Browsers(origins=foreign)) as at:
        answer = await call(at.gate.asgi, "GET", path, headers=[("origin", origin)] if origin else [])
        assert (answer.status, granted(answer)) == (200, {"access-control-allow-origin": "*"})
        assert answer.one("cross-origin-resource-policy") == "cross-origin"


async def test_so_does_one_at_the_well_known_place(at: GateHarness) -> None:
    answer = await call(at.gate.served, "GET", "/.well-known/jwks.json", headers=[("origin", STRANGER)])
    assert granted(answer) == {"access-control-allow-origin": "*"}


async def test_a_page_that_may_send_credentials_may_do_so_here_too() -> None:
    async with open_gate(browsers=Browsers(origins=[FRIEND])) as at:
        answer = await call(at.gate.asgi, "GET", "/jwks.json", headers=[("origin", FRIEND)])
        assert granted(answer) == {
            "access-control-allow-origin": FRIEND,
            "access-control-allow-credentials": "true",
        }


@pytest.mark.parametrize("path", ["/me", "/sessions", "/revocations", "/nothing"])
async def test_nothing_else_is_public(at: GateHarness, ann: Browser, path: str) -> None:
    answer = await call(at.gate.asgi, "GET", path, headers=[("origin", STRANGER), ann.bearer])
    assert granted(answer) == {}
    assert answer.one("cross-origin-resource-policy") == "same-origin"
