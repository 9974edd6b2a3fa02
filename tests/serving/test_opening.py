"""A worker that starts while the store is away serves at once: 503, and itself as soon as the store answers."""

import asyncio

from gatepass.errors import StoreUnavailable
from gatepass.serving.opening import running_soon
from tests.support.asgi import call
from tests.support.gates import GateHarness


async def test_while_the_store_is_away_requests_are_refused_and_health_is_told() -> None:
    at, is_away = GateHarness(), True

    async def fail(verb: str) -> None:
        if verb == "open" and is_away:
            raise StoreUnavailable

    at.store.before = fail
    async with running_soon(at.gate, interval=0):
        for method, path, status in (
            ("GET", "/healthz", 200),
            ("GET", "/readyz", 503),
            ("POST", "/auth/login", 503),
            ("GET", "/auth/jwks.json", 503),
            ("GET", "/nothing", 404),
        ):
            answer = await call(at.gate.served, method, path, headers=[("gatepass-client", "1")])
            assert answer.status == status, path
        is_away = False
        while (await call(at.gate.served, "GET", "/readyz")).status != 200:
            at.clock.advance(1)
            await asyncio.sleep(0)
    assert "close" in at.store.verbs


async def test_callers_who_wait_for_one_attempt_share_its_failure() -> None:
    """Else each would wait for an attempt of its own, one after the other."""
    at, failing = GateHarness(), asyncio.Event()

    async def fail(verb: str) -> None:
        if verb == "open":
            await failing.wait()
            raise StoreUnavailable

    at.store.before = fail
    asking = [asyncio.ensure_future(call(at.gate.asgi, "GET", "/jwks.json")) for _ in range(10)]
    await asyncio.sleep(0)
    failing.set()
    assert {(await each).status for each in asking} == {503}
    assert at.store.verbs.count("open") == 1


async def test_a_store_that_answers_is_waited_for() -> None:
    at = GateHarness()
    async with running_soon(at.gate):
        assert (await call(at.gate.served, "GET", "/readyz")).status == 200
