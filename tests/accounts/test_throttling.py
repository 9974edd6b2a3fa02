"""Failed sign-ins: a throttle that nobody gets around, and that is no weapon (NIST SP 800-63B-4 §3.2.2)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.accounts.throttling import RECOVERY_TTL
from gatepass.core.policy import DAY, MINUTE, Policy
from gatepass.core.secret import Secret
from gatepass.core.throttle import LIFETIME, LIFETIME_OF_DEVICES, LIFETIME_OF_NETWORKS, PER_ACCOUNT, PER_NETWORK
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, post
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

    async def test_it_counts_per_account_over_all_networks(self, at: GateHarness, ann: Browser) -> None:
        for host in range(PER_ACCOUNT.free):
            assert (await fail(Browser(at.gate.asgi, address=f"198.51.{host}.7"), 1))[0].status == 401
        assert (await fail(Browser(at.gate.asgi, address="192.0.2.1"), 1))[0].status == 429

    async def test_below_that_one_network_does_not_make_another_one_wait(self, at: GateHarness, ann: Browser) -> None:
        assert (await fail(Browser(at.gate.asgi, address="198.51.100.7"), 6))[-1].status == 429
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200

    async def test_it_counts_per_network_over_all_accounts(self, at: GateHarness) -> None:
        for count in range(50):
            host = Browser(at.gate.asgi, address=f"198.51.100.{count}")
            assert (await host.login(f"{count}@example.com", WRONG)).status == 401
        assert (await Browser(at.gate.asgi, address="198.51.100.99").login("x@example.com")).status == 429
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login("x@example.com")).status == 401

    async def test_a_network_has_as_many_failures_as_accounts_at_which_it_failed(self, at: GateHarness) -> None:
        """A school in which everybody mistypes four times has fewer than a guesser who tries each account once."""
        for count in range(PER_NETWORK.free - 1):
            assert {answer.status for answer in await fail(Browser(at.gate.asgi), 4, f"{count}@example.com")} == {401}
        assert (await Browser(at.gate.asgi).login("x@example.com")).status == 401
        assert (await Browser(at.gate.asgi).login("y@example.com")).status == 429

    async def test_a_success_takes_its_networks_failure_back(self, at: GateHarness) -> None:
        for count in range(2 * PER_NETWORK.free):
            email = f"{count}@example.com"
            await at.gate.accounts.add(email, Secret(PASSWORD), email_key=email)
            assert (await fail(Browser(at.gate.asgi), 1, email))[0].status == 401
            assert (await Browser(at.gate.asgi).login(email)).status == 200

    @pytest.mark.parametrize("address", ["", "unknown"])
    async def test_an_unknown_network_is_not_counted(self, at: GateHarness, ann: Browser, address: str) -> None:
        for count in range(PER_NETWORK.free + 5):
            stranger = Browser(at.gate.asgi, address=address)
            assert (await stranger.login(f"{count}@example.com", WRONG)).status == 401
        assert (await Browser(at.gate.asgi, address=address).login()).status == 200
        assert not [key for key in at.memory._attempts if key.endswith((":", "@", "None"))]

    async def test_at_one_account_unknown_networks_are_counted_together(self, at: GateHarness, ann: Browser) -> None:
        statuses = [answer.status for answer in await fail(Browser(at.gate.asgi, address=""), PER_ACCOUNT.free + 1)]
        assert statuses == [401] * PER_ACCOUNT.free + [429]

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
        slow = asyncio.Event()
        hash_ = at.hasher.hash

        async def wait_and_hash(password: str) -> str:
            await slow.wait()
            return await hash_(password)

        at.hasher.hash = wait_and_hash  # type: ignore[method-assign]
        guesses = [stranger.login(EMAIL, WRONG) for stranger in strangers[:-1]]
        tasks = [asyncio.ensure_future(guess) for guess in [*guesses, strangers[-1].login(EMAIL, PASSWORD)]]
        # All have been let through the first check, and wait for a hash.
        await becomes(lambda: at.store.verbs.count("find_account_by_email") == len(tasks))
        slow.set()
        statuses = [answer.status for answer in await asyncio.gather(*tasks)]
        assert statuses.count(401) <= PER_ACCOUNT.free
        assert statuses[-1] == 429, "the right guess is not told from the wrong ones"

    async def test_many_good_sign_ins_at_once_all_succeed(self, at: GateHarness, ann: Browser) -> None:
        answers = await asyncio.gather(*(Browser(at.gate.asgi).login() for _ in range(30)))
        assert {answer.status for answer in answers} == {200}


async def exhaust_waits(at: GateHarness, email: str = EMAIL) -> None:
    """Fail as often as all networks together may without a wait, and some more."""
    for count in range(PER_ACCOUNT.free + 3):
        await fail(Browser(at.gate.asgi, address=f"10.{count}.0.1"), 1, email)


class TestHardStop:
    """A hundred failures in a row at most, however slowly: then only recovery opens the account (63B-4 §3.2.2)."""

    async def exhaust(self, at: GateHarness, email: str = EMAIL, while_using: Browser | None = None) -> None:
        """Fail as often as strangers may, from ever other networks, when no wait is in the way."""
        for count in range(LIFETIME.free):
            browser = Browser(at.gate.asgi, address=f"10.{count}.0.1")
            assert (await fail(browser, 1, email))[0].status == 401
            at.clock.advance(16 * MINUTE)
            if while_using is not None:
                assert (await while_using.refresh()).status == 200

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

    async def test_an_administrator_opens_it(self, at: GateHarness, ann: Browser) -> None:
        account = (await ann.get("/me")).json()["id"]
        await self.exhaust(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert await at.gate.accounts.enable(account)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200

    async def test_a_flood_of_other_addresses_does_not_push_the_count_out(
        self, at: GateHarness, ann: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Addresses in turn, more than the table has room for: each account still stops."""
        monkeypatch.setattr("gatepass.stores.memory_attempts.MAX_ATTEMPT_KEYS", 10)
        for count in range(LIFETIME.free):
            statuses = {(await fail(Browser(at.gate.asgi, address=f"10.{count}.0.1"), 1))[0].status}
            assert statuses == {401}
            for other in range(20):
                await fail(Browser(at.gate.asgi, address=f"10.{count}.{other}.1"), 1, f"{other}@example.com")
            at.clock.advance(16 * MINUTE)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429

    async def test_it_is_heard_no_more_of_a_year_later(self, at: GateHarness, ann: Browser) -> None:
        await self.exhaust(at)
        at.clock.advance(366 * DAY)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200

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
        await exhaust_waits(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await ann.login()).status == 200

    async def test_also_after_the_hard_stop(self, at: GateHarness, ann: Browser) -> None:
        await TestHardStop().exhaust(at, while_using=ann)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await ann.login()).status == 200

    async def test_strangers_and_a_known_device_have_a_hundred_guesses_together(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await TestHardStop().exhaust(at, while_using=ann)
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
        """A thief with the cookie has as few guesses as anybody."""
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
        await TestHardStop().exhaust(at, while_using=ann)
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
        await TestHardStop().exhaust(at, while_using=ann)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert (await Browser(at.gate.asgi).login()).status == 200
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200, "a success forgives"

    async def test_a_guesser_there_has_ten_and_the_known_device_keeps_ten(self, at: GateHarness, ann: Browser) -> None:
        await TestHardStop().exhaust(at, while_using=ann)
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


class TestMailedLinks:
    """Whoever holds a mailed link has shown the mailbox, however much strangers failed at the address."""

    @pytest.fixture
    async def there(self) -> AsyncIterator[Post]:
        async with post() as made:
            yield made

    async def test_an_address_at_which_strangers_failed_can_be_registered(self, there: Post) -> None:
        await TestHardStop().exhaust(there.at)
        browser = await there.verified()
        browser.jar.clear()
        browser.address = "192.0.2.77"
        assert (await browser.login()).status == 200, "making an account forgives"

    async def test_a_reset_is_a_way_in_while_strangers_go_on_failing(self, there: Post) -> None:
        owner, new = await there.verified(), "eight green bottles on a wall"
        await owner.logout()
        await TestHardStop().exhaust(there.at)
        owner = there.browser(address="192.0.2.77")
        assert (await owner.login()).status == 429
        await there.ask("/password/forgot", {"email": EMAIL}, browser=owner)
        reset = await there.ask("/password/reset", {"token": await there.token(), "new": new}, browser=owner)
        assert reset.status == 204
        await exhaust_waits(there.at)
        for count in range(PER_NETWORK.free):
            await fail(there.browser(address="192.0.2.5"), 1, f"{count}@example.com")
        assert (await there.browser(address="192.0.2.5").login("x@example.com")).status == 429
        assert (await there.browser(address="192.0.2.99").login(EMAIL, new)).status == 200, "the network of the reset"

    async def test_the_network_of_a_reset_is_known_for_an_hour(self, there: Post) -> None:
        owner, new = await there.verified(), "eight green bottles on a wall"
        await owner.logout()
        owner = there.browser(address="192.0.2.77")
        await there.ask("/password/forgot", {"email": EMAIL}, browser=owner)
        await there.ask("/password/reset", {"token": await there.token(), "new": new}, browser=owner)
        there.at.clock.advance(RECOVERY_TTL)
        await exhaust_waits(there.at)
        assert (await owner.login(EMAIL, new)).status == 429

    async def test_an_unknown_network_asks_for_mail_uncounted(self, there: Post) -> None:
        for count in range(40):
            answer = await there.ask(
                "/password/forgot", {"email": f"{count}@example.com"}, browser=there.browser(address="")
            )
            assert answer.status == 202


async def test_who_is_signed_in_deletes_the_account_after_the_hard_stop(at: GateHarness, ann: Browser) -> None:
    await TestHardStop().exhaust(at, while_using=ann)
    ann.address = "192.0.2.1"
    headers = [ann.bearer]
    assert (await ann.send("DELETE", "/account", headers=headers, body={"password": PASSWORD})).status == 204


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
