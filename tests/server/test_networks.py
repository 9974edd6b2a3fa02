"""A network that cannot be told is counted nowhere, and the operator hears of it once, with what to set."""

import asyncio

import pytest

from gatepass.core.event import NetworkUnknown
from gatepass.core.rate import Rate
from gatepass.server.limits import Limits
from gatepass.server.networks import FIXES
from gatepass.wire.address import Why
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.wsgi import over_asgi

FEW = Limits(registration_rate=Rate(2, 3600), address_refresh_rate=Rate(2, 3600), sign_ins_at_once=1)
UNKNOWN: dict[Why, tuple[tuple[str, int] | None, list[str], str | None]] = {
    "private-address": (("127.0.0.1", 1), [], None),
    "unix-socket": (None, [], None),
    "not-forwarded": (("10.0.0.1", 1), ["10.0.0.0/8"], None),
    "not-an-address": (("10.0.0.1", 1), ["10.0.0.0/8"], "unknown"),
}
"""Why → peer, trusted proxies and X-Forwarded-For."""


async def register(
    app: ASGIApp, client: tuple[str, int] | None, forwarded: str | None, number: int, *, path: str = "/register"
) -> Answer:
    headers = [("gatepass-client", "1"), ("content-type", "application/json")]
    headers += [("x-forwarded-for", forwarded)] if forwarded is not None else []
    body = f'{{"email": "{number}@example.com", "password": "{PASSWORD}"}}'.encode()
    return await call(app, "POST", path, headers=headers, body=body, client=client)


@pytest.mark.parametrize("why", UNKNOWN)
async def test_an_unknown_network_is_counted_nowhere_and_told_once(why: Why) -> None:
    client, proxies, forwarded = UNKNOWN[why]
    async with open_gate(browsers=Browsers(trusted_proxies=proxies), limits=FEW) as at:
        statuses = {(await register(at.gate.asgi, client, forwarded, number)).status for number in range(5)}
        assert statuses == {201}, "five registrations, where one network has two"
        (event,) = at.named("sys_network_unknown")
        assert isinstance(event, NetworkUnknown)
        assert (event.why, event.fix, event.level) == (why, FIXES[why], "warning")
        assert {row.last_ip_prefix for row in at.memory.rows().values()} == {""}


async def test_each_reason_is_told_by_itself() -> None:
    async with open_gate() as at:
        for client in (("10.0.0.1", 1), None, ("192.168.0.1", 1), None):
            await register(at.gate.asgi, client, None, len(at.events))
        assert [event.why for event in at.events if isinstance(event, NetworkUnknown)] == [
            "private-address",
            "unix-socket",
        ]


async def test_development_on_this_machine_is_told_nothing() -> None:
    async with open_gate(public_url="http://localhost:8000") as at:
        assert (await register(at.gate.asgi, ("127.0.0.1", 1), None, 1)).status == 201
        assert at.named("sys_network_unknown") == []


async def test_refreshes_over_an_unknown_network_have_no_rate_in_common() -> None:
    async with open_gate(limits=FEW) as at:
        browser = Browser(at.gate.asgi, address="10.0.0.1")
        assert (await browser.register()).status == 201
        assert {(await browser.refresh()).status for _ in range(5)} == {200}


async def test_a_known_network_is_still_counted() -> None:
    async with open_gate(browsers=Browsers(trusted_proxies=["unix"]), limits=FEW) as at:
        statuses = [(await register(at.gate.asgi, None, "192.0.2.1:80", number)).status for number in range(3)]
        assert statuses == [201, 201, 429]
        assert (await register(at.gate.asgi, None, "198.51.100.1", 9)).status == 201
        assert at.named("sys_network_unknown") == []


async def test_a_unix_socket_below_wsgi_is_trusted_by_the_same_word() -> None:
    gate = GateHarness(browsers=Browsers(trusted_proxies=["unix"]), limits=FEW).gate
    try:
        app = over_asgi(gate.wsgi, gate)
        statuses = [(await register(app, None, "192.0.2.1:80", number)).status for number in range(3)]
        assert statuses == [201, 201, 429]
    finally:
        await asyncio.to_thread(gate.background.stop)


@pytest.mark.parametrize(
    "forwarded",
    [["192.0.2.1", "198.51.100.1"], ["192.0.2.1, " * 50 + "198.51.100.1"], ["192.0.2.1", "::ffff:198.51.100.1:x"]],
    ids=["two headers", "a long one", "a wrong one"],
)
async def test_a_request_with_odd_headers_has_the_network_of_its_last_hop(forwarded: list[str]) -> None:
    async with open_gate(browsers=Browsers(trusted_proxies=["unix"])) as at:
        headers = [("gatepass-client", "1"), ("content-type", "application/json")]
        headers += [("x-forwarded-for", value) for value in forwarded]
        body = f'{{"email": "a@example.com", "password": "{PASSWORD}"}}'.encode()
        assert (await call(at.gate.asgi, "POST", "/register", headers=headers, body=body, client=None)).status == 201
        (row,) = at.memory.rows().values()
        assert row.last_ip_prefix == ("" if forwarded[-1].endswith("x") else "198.51.100.0/24")


@pytest.mark.parametrize("guesser", ["203.0.113.77", "203.0.113.77:{port}", "[2001:db8:7::1]:{port}", "unknown"])
@pytest.mark.parametrize("peer", [("127.0.0.1", 1), ("::ffff:127.0.0.1", 1), None], ids=["v4", "mapped", "unix"])
async def test_a_guesser_behind_the_same_proxy_keeps_no_owner_out(peer: tuple[str, int] | None, guesser: str) -> None:
    browsers = Browsers(trusted_proxies=["127.0.0.1", "unix"])
    async with open_gate(browsers=browsers) as at:
        assert (await register(at.gate.asgi, peer, "198.51.100.9:4001", 0)).status == 201
        for number in range(60):
            forwarded = guesser.format(port=5000 + number)
            await register(at.gate.asgi, peer, forwarded, 1000 + number, path="/login")
        assert (await register(at.gate.asgi, peer, "198.51.100.9:4002", 0, path="/login")).status == 200


@pytest.mark.parametrize("side", ["asgi", "wsgi"])
@pytest.mark.parametrize("peer", [("127.0.0.1", 1), None], ids=["loopback", "unix"])
async def test_without_trusted_proxies_a_guesser_behind_one_keeps_no_owner_out(
    side: str, peer: tuple[str, int] | None
) -> None:
    gate = GateHarness().gate
    app = gate.asgi if side == "asgi" else over_asgi(gate.wsgi, gate)
    try:
        assert (await register(app, peer, "198.51.100.9", 0)).status == 201
        for number in range(60):
            assert (await register(app, peer, "203.0.113.7", 1000 + number, path="/login")).status == 401
        assert (await register(app, peer, "198.51.100.9", 0, path="/login")).status == 200
    finally:
        await (gate.close() if side == "asgi" else asyncio.to_thread(gate.background.stop))
