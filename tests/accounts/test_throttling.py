"""Failed sign-ins: a throttle that nobody gets around, and that is no weapon (NIST SP 800-63B-4 §3.2.2)."""

import asyncio

import pytest

from gatepass.core.policy import MINUTE
from gatepass.core.throttle import LIFETIME, LIFETIME_PER_DEVICE
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tools.services.patience import becomes

WRONG = "seven green bottles on the wall"


async def fail(browser: Browser, times: int, email: str = EMAIL) -> list[Answer]:
    return [await browser.login(email, WRONG) for _ in range(times)]


class TestThrottle:
    async def test_after_five_failures_the_wait_doubles(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        assert {answer.status for answer in await fail(stranger, 5)} == {401}
        waits = []
        for _ in range(12):
            refused = await stranger.login(EMAIL, WRONG)
            assert (refused.status, refused.code) == (429, "too-many-attempts")
            wait = int(refused.one("retry-after"))
            assert refused.json()["retry_after"] == wait
            waits.append(wait)
            at.clock.advance(wait)
            assert (await stranger.login(EMAIL, WRONG)).status == 401
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]

    async def test_a_refused_attempt_costs_no_hash_and_tells_nothing(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await fail(stranger, 5)
        before = at.hasher.calls
        wrong, right = await stranger.login(EMAIL, WRONG), await stranger.login(EMAIL, PASSWORD)
        assert wrong == right
        assert at.hasher.calls == before
        assert len(at.named("authn_login_throttled")) == 2

    async def test_an_unknown_address_is_throttled_like_a_known_one(self, at: GateHarness, ann: Browser) -> None:
        known = await fail(Browser(at.gate.asgi), 7)
        unknown = await fail(Browser(at.gate.asgi), 7, "nobody@example.com")
        assert known == unknown

    async def test_it_counts_per_account_over_all_addresses(self, at: GateHarness, ann: Browser) -> None:
        for host in range(5):
            await fail(Browser(at.gate.asgi, address=f"198.51.{host}.7"), 1)
        assert (await fail(Browser(at.gate.asgi, address="192.0.2.1"), 1))[0].status == 429

    async def test_it_counts_per_network_over_all_accounts(self, at: GateHarness) -> None:
        for count in range(50):
            host = Browser(at.gate.asgi, address=f"198.51.100.{count}")
            assert (await host.login(f"{count}@example.com", WRONG)).status == 401
        assert (await Browser(at.gate.asgi, address="198.51.100.99").login("x@example.com")).status == 429
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login("x@example.com")).status == 401

    async def test_other_spellings_of_an_address_are_the_same_account(self, at: GateHarness, ann: Browser) -> None:
        for email in ("ANN@example.com", "Ann@Example.COM", " ann@example.com", EMAIL, "aNN@example.com"):
            await fail(Browser(at.gate.asgi), 1, email)
        assert at.memory._attempts
        statuses = [(await fail(Browser(at.gate.asgi), 1))[0].status for _ in range(2)]
        assert 429 in statuses

    async def test_a_success_forgives(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        for _ in range(3):
            await fail(stranger, 4)
            assert (await stranger.login()).status == 200

    async def test_a_day_later_it_is_forgotten(self, at: GateHarness, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await fail(stranger, 5)
        at.clock.advance(24 * 60 * MINUTE + 1)
        assert {answer.status for answer in await fail(stranger, 5)} == {401}

    async def test_it_is_no_weapon_against_sessions_that_exist(self, at: GateHarness, ann: Browser) -> None:
        await fail(Browser(at.gate.asgi), 8)
        assert (await ann.refresh()).status == 200
        assert (await ann.get("/me")).status == 200

    async def test_guesses_made_all_at_once_are_not_all_answered(self, at: GateHarness, ann: Browser) -> None:
        """What is decided after hashing counts too: else a burst would get a whole queue of guesses."""
        strangers = [Browser(at.gate.asgi, address=f"198.51.{n}.7") for n in range(60)]
        slow, waiting = asyncio.Event(), list[str]()
        hash_ = at.hasher.hash

        async def wait_and_hash(password: str) -> str:
            waiting.append(password)
            await slow.wait()
            return await hash_(password)

        at.hasher.hash = wait_and_hash  # type: ignore[method-assign]
        guesses = [stranger.login(EMAIL, WRONG) for stranger in strangers[:-1]]
        tasks = [asyncio.ensure_future(guess) for guess in [*guesses, strangers[-1].login(EMAIL, PASSWORD)]]
        await becomes(lambda: len(waiting) + sum(task.done() for task in tasks) == len(tasks))
        slow.set()
        statuses = [answer.status for answer in await asyncio.gather(*tasks)]
        assert statuses.count(401) <= 10
        assert statuses[-1] == 429, "the right guess is not told from the wrong ones"

    async def test_many_good_sign_ins_at_once_all_succeed(self, at: GateHarness, ann: Browser) -> None:
        answers = await asyncio.gather(*(Browser(at.gate.asgi).login() for _ in range(30)))
        assert {answer.status for answer in answers} == {200}


class TestHardStop:
    """A hundred failures in a row at most, however slowly: then only recovery opens the account (63B-4 §3.2.2)."""

    async def exhaust(self, at: GateHarness, email: str = EMAIL) -> None:
        """Fail as often as strangers may, once a day, from ever other networks: no wait is in the way."""
        for count in range(LIFETIME.free):
            browser = Browser(at.gate.asgi, address=f"10.{count}.0.1")
            assert (await fail(browser, 1, email))[0].status == 401
            at.clock.advance(24 * 60 * MINUTE)

    async def test_the_right_password_opens_nothing_any_more(self, at: GateHarness, ann: Browser) -> None:
        await self.exhaust(at)
        before = at.hasher.calls
        refused = await Browser(at.gate.asgi, address="192.0.2.1").login()
        assert (refused.status, refused.code) == (429, "too-many-attempts")
        at.clock.advance(30 * 24 * 60 * MINUTE)
        assert (await Browser(at.gate.asgi, address="192.0.2.2").login()).status == 429
        assert at.hasher.calls == before

    async def test_an_address_without_an_account_stops_alike(self, at: GateHarness, ann: Browser) -> None:
        await self.exhaust(at)
        known = await Browser(at.gate.asgi, address="192.0.2.1").login()
        await self.exhaust(at, "nobody@example.com")
        unknown = await Browser(at.gate.asgi, address="192.0.2.1").login("nobody@example.com")
        assert (unknown.status, unknown.code) == (known.status, known.code)

    async def test_recovery_opens_it(self, at: GateHarness, ann: Browser) -> None:
        await self.exhaust(at)
        await at.gate.accounts.clear_failures(EMAIL)
        assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_a_success_in_between_begins_anew(self, at: GateHarness, ann: Browser) -> None:
        for count in range(30):
            stranger = Browser(at.gate.asgi, address=f"10.{count}.0.1")
            await fail(stranger, 4)
            assert (await stranger.login()).status == 200


class TestKnownDevices:
    """Whoever fails on purpose cannot keep the owner out of a browser that was signed in before."""

    async def test_the_owners_own_browser_gets_in_while_the_account_is_throttled(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await fail(Browser(at.gate.asgi, address="192.0.2.1"), 9)
        assert (await Browser(at.gate.asgi).login()).status == 429
        assert (await ann.login()).status == 200

    async def test_also_after_the_hard_stop(self, at: GateHarness, ann: Browser) -> None:
        await TestHardStop().exhaust(at)
        assert (await Browser(at.gate.asgi).login()).status == 429
        assert (await ann.login()).status == 200

    async def test_strangers_and_a_known_device_have_a_hundred_guesses_together(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await TestHardStop().exhaust(at)
        statuses = []
        for _ in range(LIFETIME_PER_DEVICE.free + 1):
            statuses += [answer.status for answer in await fail(ann, 1)]
            at.clock.advance(24 * 60 * MINUTE)
        assert statuses == [401] * LIFETIME_PER_DEVICE.free + [429]
        assert LIFETIME.free + LIFETIME_PER_DEVICE.free <= 100

    async def test_an_ended_session_is_as_good_as_a_live_one(self, at: GateHarness, ann: Browser) -> None:
        await at.gate.sessions.revoke_all((await ann.get("/me")).json()["id"], reason="revoked")
        await fail(Browser(at.gate.asgi, address="192.0.2.1"), 9)
        assert (await ann.login()).status == 200

    async def test_a_known_device_has_a_count_of_its_own(self, at: GateHarness, ann: Browser) -> None:
        """A thief with the cookie has as few guesses as anybody."""
        await fail(Browser(at.gate.asgi, address="192.0.2.1"), 9)
        assert [answer.status for answer in await fail(ann, 6)] == [401] * 5 + [429]
        assert (await ann.login()).status == 429

    async def test_a_foreign_or_forged_cookie_is_no_known_device(self, at: GateHarness, ann: Browser) -> None:
        carl = Browser(at.gate.asgi)
        assert (await carl.register("carl@example.com")).status == 201
        forger = Browser(at.gate.asgi)
        forger.jar = {**ann.jar, ann.rt_name: ann.rt[:-4] + "AAAA"}
        await fail(Browser(at.gate.asgi, address="192.0.2.1"), 9)
        assert (await carl.login(EMAIL, PASSWORD)).status == 429
        assert (await forger.login(EMAIL, PASSWORD)).status == 429

    async def test_the_password_can_be_changed_from_a_live_session_meanwhile(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await fail(Browser(at.gate.asgi, address="192.0.2.1"), 9)
        body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
        assert (await ann.send("POST", "/password", headers=[ann.bearer], body=body)).status == 204


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
