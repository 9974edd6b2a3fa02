"""Failed sign-ins by a known device, from a home network, and behind a proxy."""

import pytest

from gatepass.core.policy import DAY, MINUTE, Policy
from gatepass.core.throttle import LIFETIME, LIFETIME_OF_DEVICES, LIFETIME_OF_NETWORKS, PER_NETWORK
from gatepass.wire.browsers import Browsers
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.throttling import WRONG, exhaust, exhaust_waits, fail


class TestKnownDevices:
    """A stranger who fails on purpose cannot keep the owner out of a browser that was signed in before."""

    async def test_the_owners_own_browser_gets_in_while_the_account_is_throttled(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await exhaust_waits(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await ann.login()).status == 200

    async def test_also_after_the_hard_stop(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at, while_using=ann)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await ann.login()).status == 200

    async def test_strangers_and_a_known_device_have_a_hundred_guesses_together(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await exhaust(at, while_using=ann)
        left = LIFETIME_OF_DEVICES.free - LIFETIME.free
        statuses = []
        for _ in range(left + 1):
            assert (await ann.refresh()).status == 200
            statuses += [answer.status for answer in await fail(ann, 1)]
            at.clock.advance(DAY)
        assert statuses == [401] * left + [429]
        assert LIFETIME_OF_DEVICES.free <= 100

    @pytest.mark.parametrize("end", ["revoked", "expired"])
    async def test_the_token_of_an_ended_session_is_no_known_device(
        self, at: GateHarness, ann: Browser, end: str
    ) -> None:
        if end == "revoked":
            await at.gate.sessions.revoke_all((await ann.get("/me")).json()["id"], reason="revoked")
        else:
            at.clock.advance(Policy().session_ttl + 1)
        await exhaust_waits(at)
        assert (await ann.login()).status == 429

    async def test_it_gets_in_beside_a_guesser_in_its_own_network(self, at: GateHarness, ann: Browser) -> None:
        for count in range(PER_NETWORK.free):
            assert (await fail(Browser(at.gate.asgi), 1, f"{count}@example.com"))[0].status == 401
        await fail(Browser(at.gate.asgi), 6)
        assert (await Browser(at.gate.asgi).login()).status == 429
        assert (await ann.login()).status == 200

    async def test_a_known_device_has_a_count_of_its_own(self, at: GateHarness, ann: Browser) -> None:
        """A thief with the cookie has as few guesses as a stranger."""
        await exhaust_waits(at)
        assert [answer.status for answer in await fail(ann, 6)] == [401] * 5 + [429]
        assert (await ann.login()).status == 429

    async def test_a_foreign_or_forged_cookie_is_no_known_device(self, at: GateHarness, ann: Browser) -> None:
        carl = Browser(at.gate.asgi)
        assert (await carl.register("carl@example.com")).status == 201
        forger = Browser(at.gate.asgi)
        forger.jar = {**ann.jar, ann.rt_name: ann.rt[:-4] + "AAAA"}
        await exhaust_waits(at)
        carl.address = forger.address = "192.0.2.1"
        assert (await carl.login(EMAIL, PASSWORD)).status == 429
        assert (await forger.login(EMAIL, PASSWORD)).status == 429

    async def test_the_password_can_be_changed_from_a_live_session_meanwhile(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await exhaust(at, while_using=ann)
        body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
        assert (await ann.send("POST", "/password", headers=[ann.bearer], body=body)).status == 200


class TestHomeNetworks:
    """The network of a live session counts for itself: strangers elsewhere cannot keep a new device there out."""

    async def test_a_new_device_gets_in_while_strangers_make_the_account_wait(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await exhaust_waits(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_also_after_the_hard_stop_and_then_strangers_elsewhere_too(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await exhaust(at, while_using=ann)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await Browser(at.gate.asgi).login()).status == 200
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200, "a success forgives"

    async def test_a_guesser_there_has_ten_and_the_known_device_keeps_ten(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at, while_using=ann)
        left, statuses = LIFETIME_OF_NETWORKS.free - LIFETIME.free, []
        for _ in range(left + 1):
            statuses.append((await fail(Browser(at.gate.asgi), 1))[0].status)
            at.clock.advance(16 * MINUTE)
        assert statuses == [401] * left + [429]
        assert LIFETIME_OF_DEVICES.free - LIFETIME_OF_NETWORKS.free == 10
        assert (await ann.refresh()).status == 200
        assert (await ann.login()).status == 200

    async def test_it_waits_for_its_own_failures(self, at: GateHarness, ann: Browser) -> None:
        await exhaust_waits(at)
        assert [answer.status for answer in await fail(Browser(at.gate.asgi), 6)] == [401] * 5 + [429]

    async def test_it_waits_with_its_network_where_that_tries_many_accounts(
        self, at: GateHarness, ann: Browser
    ) -> None:
        for count in range(PER_NETWORK.free):
            await fail(Browser(at.gate.asgi), 1, f"{count}@example.com")
        assert (await Browser(at.gate.asgi).login()).status == 429

    async def test_the_network_of_an_ended_session_is_none(self, at: GateHarness, ann: Browser) -> None:
        assert (await ann.logout()).status == 204
        await exhaust_waits(at)
        assert (await Browser(at.gate.asgi).login()).status == 429

    async def test_the_same_calls_are_made_where_there_is_no_account(self, at: GateHarness, ann: Browser) -> None:
        traces = []
        for email in (EMAIL, "nobody@example.com"):
            await exhaust_waits(at, email)
            at.store.verbs.clear()
            await Browser(at.gate.asgi, address="192.0.2.1").login(email)
            traces.append(list(at.store.verbs))
        assert traces[0] == traces[1]


class TestProxies:
    @pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"])
    async def test_a_peer_that_is_not_trusted_cannot_choose_its_address(self, at: GateHarness, header: str) -> None:
        for count in range(51):
            browser = Browser(at.gate.asgi)
            answer = await browser.send(
                "POST",
                "/login",
                body={"email": f"{count}@example.com", "password": WRONG},
                headers=[("gatepass-client", "1"), (header, f"10.{count}.0.1")],
            )
        assert answer.status == 429

    async def test_behind_a_trusted_proxy_the_last_hop_that_is_not_trusted_counts(self) -> None:
        async with open_gate(browsers=Browsers(trusted_proxies=["10.0.0.0/8"])) as at:
            for forwarded, expected in (
                ("198.51.100.7", "198.51.100.0/24"),
                ("1.1.1.1, 198.51.100.7", "198.51.100.0/24"),
                ("1.1.1.1, 198.51.100.7, 10.2.3.4", "198.51.100.0/24"),
                ("2001:db8:1:2::3", "2001:db8:1::/48"),
                ("::ffff:198.51.100.7", "198.51.100.0/24"),
                ("nonsense", ""),
                ("", ""),
                ("fe80::1%eth0", ""),
            ):
                browser = Browser(at.gate.asgi, address="10.1.1.1")
                headers = [("gatepass-client", "1"), ("x-forwarded-for", forwarded)]
                body = {"email": f"{len(at.memory._accounts)}@example.com", "password": PASSWORD}
                assert (await browser.send("POST", "/register", body=body, headers=headers)).status == 201
                session = at.memory.rows()[bytes.fromhex(browser.sid)]
                assert session.last_ip_prefix == expected, forwarded
