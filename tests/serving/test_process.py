"""What `gatepass serve` serves: /auth, and beside it health and the well-known documents."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gatepass.errors import StoreUnavailable
from tests.support.asgi import call
from tests.support.browser import Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started


async def test_health_says_that_the_process_lives_whatever_the_store_does(at: GateHarness) -> None:
    async def fail(verb: str) -> None:
        raise StoreUnavailable

    at.store.before = fail
    answer = await call(at.gate.served, "GET", "/healthz")
    assert (answer.status, answer.json(), answer.one("cache-control")) == (200, {"status": "ok"}, "no-store")
    assert at.store.verbs == []
    at.store.before = None


async def test_readiness_is_the_stores(at: GateHarness) -> None:
    assert (await call(at.gate.served, "GET", "/readyz")).json() == {"status": "ready"}

    async def fail(verb: str) -> None:
        if verb == "ping":
            raise StoreUnavailable

    at.store.before = fail
    at.clock.advance(1)
    answer = await call(at.gate.served, "GET", "/readyz")
    assert (answer.status, answer.code) == (503, "store-unavailable")
    assert answer.one("retry-after")


async def test_the_store_is_asked_once_a_second_however_many_ask_for_readiness(at: GateHarness) -> None:
    for second in range(1, 4):
        answers = await asyncio.gather(*[call(at.gate.served, "GET", "/readyz") for _ in range(20)])
        assert {answer.status for answer in answers} == {200}
        assert at.store.verbs.count("ping") == second
        at.clock.advance(1)


async def test_a_clock_that_is_set_back_does_not_stop_the_looks(at: GateHarness) -> None:
    await call(at.gate.served, "GET", "/readyz")
    at.clock.advance(-3600)
    await call(at.gate.served, "GET", "/readyz")
    assert at.store.verbs.count("ping") == 2


async def test_a_caller_of_readiness_that_leaves_ends_the_look_for_no_other(at: GateHarness) -> None:
    blocked = asyncio.Event()

    async def wait(verb: str) -> None:
        await blocked.wait()

    at.store.before = wait
    impatient = asyncio.ensure_future(call(at.gate.served, "GET", "/readyz"))
    patient = asyncio.ensure_future(call(at.gate.served, "GET", "/readyz"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    blocked.set()
    assert (await patient).status == 200
    assert at.store.verbs.count("ping") == 1


async def test_the_keys_are_at_the_well_known_place_too(at: GateHarness) -> None:
    inside = await call(at.gate.served, "GET", "/auth/jwks.json")
    well_known = await call(at.gate.served, "GET", "/.well-known/jwks.json")
    assert inside == well_known
    assert inside.status == 200


@pytest.mark.parametrize("path", ["/", "/login", "/auth", "/auth/", "/authx/login", "/auth//login", "/healthz/"])
async def test_nothing_else_is_served(at: GateHarness, path: str) -> None:
    answer = await call(at.gate.served, "POST", path, headers=[("gatepass-client", "1")])
    assert (answer.status, answer.code) == (404, "not-found")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
async def test_other_methods_are_a_405(at: GateHarness, path: str) -> None:
    answer = await call(at.gate.served, "POST", path)
    assert (answer.status, answer.one("allow")) == (405, "GET, HEAD")


async def test_all_of_it_can_be_mounted_below_a_prefix(at: GateHarness) -> None:
    async with started(Starlette(routes=[Mount("/gate", at.gate.served)], lifespan=at.gate.lifespan)) as app:
        ann = Browser(app, mount="/gate/auth")
        assert (await ann.register()).status == 201
        assert (await ann.refresh()).status == 200
        assert (await call(app, "GET", "/gate/healthz")).status == 200


async def test_a_websocket_is_closed_and_a_lifespan_is_told_whose_it_is(at: GateHarness) -> None:
    sent = []

    async def receive() -> dict[str, object]:
        raise AssertionError

    async def send(message: object) -> None:
        sent.append(message)

    await at.gate.served({"type": "websocket", "path": "/auth/login"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    with pytest.raises(RuntimeError, match=r"gate\.lifespan"):
        await at.gate.asgi({"type": "lifespan"}, receive, send)
