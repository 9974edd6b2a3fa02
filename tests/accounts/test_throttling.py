"""Failed sign-ins: a throttle without a way around it, and that is no weapon (NIST SP 800-63B-4 §3.2.2)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.accounts.throttling import RECOVERY_TTL
from gatepass.core.policy import DAY, MINUTE
from gatepass.core.secret import Secret
from gatepass.core.throttle import LIFETIME, PER_ACCOUNT, PER_NETWORK
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness
from tests.support.mail import Post, post
from tests.support.throttling import WRONG, exhaust, exhaust_waits, fail
from tools.services.patience import becomes


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


class TestHardStop:
    """A hundred failures in a row at most, however slowly: then only recovery opens the account (63B-4 §3.2.2)."""

    async def test_the_right_password_opens_nothing_any_more(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at)
        before = at.hasher.calls
        refused = await Browser(at.gate.asgi, address="192.0.2.1").login()
        assert (refused.status, refused.code) == (429, "too-many-attempts")
        at.clock.advance(30 * 24 * 60 * MINUTE)
        assert (await Browser(at.gate.asgi, address="192.0.2.2").login()).status == 429
        assert at.hasher.calls == before

    async def test_an_address_without_an_account_stops_alike(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at)
        known = await Browser(at.gate.asgi, address="192.0.2.1").login()
        await exhaust(at, "nobody@example.com")
        unknown = await Browser(at.gate.asgi, address="192.0.2.1").login("nobody@example.com")
        assert (unknown.status, unknown.code) == (known.status, known.code)

    async def test_recovery_opens_it(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at)
        await at.gate.accounts.clear_failures(EMAIL)
        assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_an_administrator_opens_it(self, at: GateHarness, ann: Browser) -> None:
        account = (await ann.get("/me")).json()["id"]
        await exhaust(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert await at.gate.accounts.enable(account)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200

    @pytest.mark.slow
    async def test_a_flood_of_other_addresses_does_not_push_the_count_out(
        self, at: GateHarness, ann: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Addresses in turn, more than the table has room for: each account still stops."""
        monkeypatch.setattr("gatepass.stores.memory.attempts.MAX_ATTEMPT_KEYS", 10)
        for count in range(LIFETIME.free):
            statuses = {(await fail(Browser(at.gate.asgi, address=f"10.{count}.0.1"), 1))[0].status}
            assert statuses == {401}
            for other in range(20):
                await fail(Browser(at.gate.asgi, address=f"10.{count}.{other}.1"), 1, f"{other}@example.com")
            at.clock.advance(16 * MINUTE)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429

    async def test_it_is_heard_no_more_of_a_year_later(self, at: GateHarness, ann: Browser) -> None:
        await exhaust(at)
        at.clock.advance(366 * DAY)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200

    async def test_a_success_in_between_begins_anew(self, at: GateHarness, ann: Browser) -> None:
        for count in range(30):
            stranger = Browser(at.gate.asgi, address=f"10.{count}.0.1")
            await fail(stranger, 4)
            assert (await stranger.login()).status == 200


class TestMailedLinks:
    """The holder of a mailed link has shown the mailbox, also after many failures of strangers."""

    @pytest.fixture
    async def there(self) -> AsyncIterator[Post]:
        async with post() as made:
            yield made

    async def test_an_address_at_which_strangers_failed_can_be_registered(self, there: Post) -> None:
        await exhaust(there.at)
        browser = await there.verified()
        browser.jar.clear()
        browser.address = "192.0.2.77"
        assert (await browser.login()).status == 200, "making an account forgives"

    async def test_a_reset_is_a_way_in_while_strangers_go_on_failing(self, there: Post) -> None:
        owner, new = await there.verified(), "eight green bottles on a wall"
        await owner.logout()
        await exhaust(there.at)
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
    await exhaust(at, while_using=ann)
    ann.address = "192.0.2.1"
    headers = [ann.bearer]
    assert (await ann.send("DELETE", "/account", headers=headers, body={"password": PASSWORD})).status == 204
