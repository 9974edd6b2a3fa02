"""Signing up and in: one answer for every failure, one hash for every attempt, a throttle nobody gets around."""

import asyncio
import re

import pytest

from gatepass.core.policy import MINUTE
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, Bench, bench

WRONG = "seven green bottles on the wall"


def account_id(at: Bench) -> str:
    (found,) = at.memory._accounts
    return found


class TestOneAnswer:
    async def test_unknown_wrong_and_disabled_are_the_same_byte_for_byte(self, at: Bench, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        answers = [
            await stranger.login("nobody@example.com"),
            await stranger.login(EMAIL, WRONG),
            await stranger.login("not an address", WRONG),
        ]
        await at.gate.accounts.disable(account_id(at))
        answers.append(await stranger.login(EMAIL, PASSWORD))
        answers.append(await stranger.login(EMAIL, WRONG))
        assert answers[0].status == 401
        assert answers[0].code == "invalid-credentials"
        assert answers == [answers[0]] * 5

    async def test_each_costs_one_hash(self, at: Bench, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await at.gate.accounts.add("carl@example.com", PASSWORD, email_key="carl@example.com")
        for email, password in (
            ("nobody@example.com", PASSWORD),
            (EMAIL, WRONG),
            ("not an address", WRONG),
            ("carl@example.com", PASSWORD),
        ):
            before = at.hasher.calls
            await stranger.login(email, password)
            assert at.hasher.calls == before + 1, email
        carl = next(a for a in at.memory._accounts.values() if a.email_key.startswith("carl"))
        await at.gate.accounts.disable(carl.id)
        before = at.hasher.calls
        await stranger.login("carl@example.com", PASSWORD)
        assert at.hasher.calls == before + 1

    async def test_the_same_store_calls_are_made(self, at: Bench, ann: Browser) -> None:
        traces = []
        for email in ("nobody@example.com", EMAIL):
            at.store.verbs.clear()
            await Browser(at.gate.asgi).login(email, WRONG)
            traces.append(list(at.store.verbs))
        assert traces[0] == traces[1]

    async def test_the_log_knows_the_account_and_never_the_address(self, at: Bench, ann: Browser) -> None:
        await ann.login(EMAIL, WRONG)
        await ann.login("nobody@example.com", WRONG)
        known, unknown = at.named("authn_login_fail")
        assert f"{account_id(at)}" in repr(known)
        assert "account_id=None" in repr(unknown)
        assert EMAIL not in repr(known)
        assert "nobody" not in repr(unknown)


async def fail(browser: Browser, times: int, email: str = EMAIL) -> list[Answer]:
    return [await browser.login(email, WRONG) for _ in range(times)]


class TestThrottle:
    async def test_after_five_failures_the_wait_doubles(self, at: Bench, ann: Browser) -> None:
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

    async def test_a_refused_attempt_costs_no_hash_and_tells_nothing(self, at: Bench, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await fail(stranger, 5)
        before = at.hasher.calls
        wrong, right = await stranger.login(EMAIL, WRONG), await stranger.login(EMAIL, PASSWORD)
        assert wrong == right
        assert at.hasher.calls == before
        assert len(at.named("authn_login_throttled")) == 2

    async def test_an_unknown_address_is_throttled_like_a_known_one(self, at: Bench, ann: Browser) -> None:
        known = await fail(Browser(at.gate.asgi), 7)
        unknown = await fail(Browser(at.gate.asgi), 7, "nobody@example.com")
        assert known == unknown

    async def test_it_counts_per_account_over_all_addresses(self, at: Bench, ann: Browser) -> None:
        for host in range(5):
            await fail(Browser(at.gate.asgi, address=f"198.51.{host}.7"), 1)
        assert (await fail(Browser(at.gate.asgi, address="192.0.2.1"), 1))[0].status == 429

    async def test_it_counts_per_network_over_all_accounts(self, at: Bench) -> None:
        for count in range(50):
            host = Browser(at.gate.asgi, address=f"198.51.100.{count}")
            assert (await host.login(f"{count}@example.com", WRONG)).status == 401
        assert (await Browser(at.gate.asgi, address="198.51.100.99").login("x@example.com")).status == 429
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login("x@example.com")).status == 401

    async def test_other_spellings_of_an_address_are_the_same_account(self, at: Bench, ann: Browser) -> None:
        for email in ("ANN@example.com", "Ann@Example.COM", " ann@example.com", EMAIL, "aNN@example.com"):
            await fail(Browser(at.gate.asgi), 1, email)
        assert at.memory._attempts
        statuses = [(await fail(Browser(at.gate.asgi), 1))[0].status for _ in range(2)]
        assert 429 in statuses

    async def test_a_success_forgives(self, at: Bench, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        for _ in range(3):
            await fail(stranger, 4)
            assert (await stranger.login()).status == 200

    async def test_a_day_later_it_is_forgotten(self, at: Bench, ann: Browser) -> None:
        stranger = Browser(at.gate.asgi)
        await fail(stranger, 5)
        at.clock.advance(24 * 60 * MINUTE + 1)
        assert {answer.status for answer in await fail(stranger, 5)} == {401}

    async def test_it_is_no_weapon_against_sessions_that_exist(self, at: Bench, ann: Browser) -> None:
        await fail(Browser(at.gate.asgi), 8)
        assert (await ann.refresh()).status == 200
        assert (await ann.get("/me")).status == 200

    async def test_guesses_made_all_at_once_are_not_all_answered(self, at: Bench, ann: Browser) -> None:
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
        await asyncio.sleep(0.01)
        slow.set()
        statuses = [answer.status for answer in await asyncio.gather(*tasks)]
        assert statuses.count(401) <= 10
        assert statuses[-1] == 429, "the right guess is not told from the wrong ones"

    async def test_many_good_sign_ins_at_once_all_succeed(self, at: Bench, ann: Browser) -> None:
        answers = await asyncio.gather(*(Browser(at.gate.asgi).login() for _ in range(30)))
        assert {answer.status for answer in answers} == {200}


class TestProxies:
    @pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"])
    async def test_a_peer_that_is_not_trusted_cannot_choose_its_address(
        self, at: Bench, header: str
    ) -> None:
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
        async with bench(trusted_proxies=["10.0.0.0/8"]) as at:
            for forwarded, expected in (
                ("198.51.100.7", "198.51.100.0/24"),
                ("1.1.1.1, 198.51.100.7", "198.51.100.0/24"),
                ("1.1.1.1, 198.51.100.7, 10.2.3.4", "198.51.100.0/24"),
                ("2001:db8:1:2::3", "2001:db8:1::/48"),
                ("::ffff:198.51.100.7", "198.51.100.0/24"),
                ("nonsense", ""),
                ("", ""),
                ("fe80::1%eth0", "fe80::/48"),
            ):
                browser = Browser(at.gate.asgi, address="10.1.1.1")
                headers = [("gatepass-client", "1"), ("x-forwarded-for", forwarded)]
                body = {"email": f"{len(at.memory._accounts)}@example.com", "password": PASSWORD}
                assert (await browser.send("POST", "/register", body=body, headers=headers)).status == 201
                session = at.memory._sessions[bytes.fromhex(browser.sid)]
                assert session.last_ip_prefix == expected, forwarded


class TestRegistration:
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("a" * 7, "password-too-short"),
            ("correct horse b", None),
            ("correct horse ", "password-too-short"),
            ("😀🎉" * 7, "password-too-short"),
            ("é" * 200, "password-too-long"),
            ("a" * 16, "password-blocklisted"),
            ("abababababababab", "password-blocklisted"),
            ("abcdefghijklmnopq", "password-blocklisted"),
            ("bob.builder@example.com", "password-contains-context"),
            ("moc.elpmaxe@redliub.bob", "password-contains-context"),
            ("gatepassgatepass", "password-contains-context"),
            ("bob.builderbob.builder", "password-contains-context"),
            ("aaaa bbbb cccc d", None),
            ("   leading and trailing   ", None),
            ("日本語のパスワードはとても安全です", None),
        ],
    )
    async def test_a_password_that_does_not_do_is_a_422_that_says_why(
        self, at: Bench, password: str, code: str | None
    ) -> None:
        answer = await Browser(at.gate.asgi).register("bob.builder@example.com", password)
        if code is None:
            assert answer.status == 201
            return
        assert (answer.status, answer.code) == (422, code)
        assert password not in answer.body.decode()
        assert answer.cookies == []
        assert at.hasher.calls == 0

    async def test_a_password_too_long_is_refused_at_login_before_any_hash(self, at: Bench) -> None:
        answer = await Browser(at.gate.asgi).login(EMAIL, "x" * 129)
        assert (answer.status, answer.code) == (422, "password-too-long")
        assert at.hasher.calls == 0

    async def test_passwords_are_compared_whole_in_one_normal_form_and_nothing_is_trimmed(
        self, at: Bench
    ) -> None:
        password = "  Motörhead and Møtley Crüe  "
        decomposed = "  Moto\u0308rhead and Møtley Cru\u0308e  "
        await Browser(at.gate.asgi).register(EMAIL, password)
        for other, status in (
            (decomposed, 200),
            (password.strip(), 401),
            (password.lower(), 401),
            (password[:-1], 401),
            (password + "\x00", 401),
        ):
            assert (await Browser(at.gate.asgi).login(EMAIL, other)).status == status, other

    @pytest.mark.parametrize("taken", [EMAIL, "ANN@EXAMPLE.COM", "Ann@example.com"])
    async def test_an_address_is_taken_in_every_spelling(self, at: Bench, ann: Browser, taken: str) -> None:
        answer = await Browser(at.gate.asgi).register(taken, "another long pass phrase")
        assert (answer.status, answer.code) == (409, "email-taken")
        assert answer.cookies == []
        assert (await Browser(at.gate.asgi).login()).status == 200, "the first one's password still holds"

    @pytest.mark.parametrize(
        ("typed", "shown", "also"),
        [
            ("Bob@Example.COM", "Bob@example.com", "bob@example.com"),
            ("bob@bücher.example", "bob@bücher.example", "BOB@xn--bcher-kva.example"),
            ("Ünï@example.com", "Ünï@example.com", "u\u0308ni\u0308@example.com"),
            ("a+b@example.com", "a+b@example.com", "A+B@EXAMPLE.com"),
            ("root@intranet", "root@intranet", "ROOT@INTRANET"),
            ("x@host.test", "x@host.test", "X@host.test"),
        ],
    )
    async def test_an_address_is_shown_as_typed_and_found_in_every_spelling(
        self, at: Bench, typed: str, shown: str, also: str
    ) -> None:
        answer = await Browser(at.gate.asgi).register(typed)
        assert answer.status == 201
        assert answer.json()["account"]["email"] == shown
        assert (await Browser(at.gate.asgi).login(also)).status == 200

    @pytest.mark.parametrize(
        "text",
        ["x", "@", "a@", "@b", "a b@example.com", "a@b@c", "a@-b.example", "<a@b.example>", "a@b.example\r\nx: y"],
    )
    async def test_what_is_no_address_is_named_as_such(self, at: Bench, text: str) -> None:
        answer = await Browser(at.gate.asgi).register(text)
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert answer.json()["errors"] == [{"field": "email", "message": "This is not an e-mail address."}]

    async def test_closed_registration_is_a_403_and_login_goes_on(self) -> None:
        async with bench(registration="closed") as at:
            answer = await Browser(at.gate.asgi).register()
            assert (answer.status, answer.code) == (403, "registration-closed")
            assert (at.memory._accounts, at.hasher.calls) == ({}, 0)
            await at.gate.accounts.add(EMAIL, PASSWORD, email_key=EMAIL)
            assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_two_at_once_for_one_address_make_one_account(self, at: Bench) -> None:
        answers = await asyncio.gather(*(Browser(at.gate.asgi).register() for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
        assert len(at.memory._accounts) == 1


class TestRaces:
    """A sign-in never outlives a password change or a closing of the account that raced it (PROTOCOL §3)."""

    async def raced(self, at: Bench, race: object) -> Answer:
        async def interfere(verb: str) -> None:
            if verb == "add":
                at.store.before = None
                await race()  # type: ignore[operator]

        at.store.before = interfere
        return await Browser(at.gate.asgi).login()

    async def test_a_password_change_wins(self, at: Bench, ann: Browser) -> None:
        async def change() -> None:
            body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
            answer = await ann.send("POST", "/password", headers=[ann.bearer], body=body)
            assert answer.status == 204

        answer = await self.raced(at, change)
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])
        assert len(at.memory._sessions) == 1

    async def test_closing_the_account_wins(self, at: Bench, ann: Browser) -> None:
        async def close() -> None:
            await at.gate.accounts.disable(account_id(at))

        answer = await self.raced(at, close)
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])


async def test_the_stored_hash_is_argon2id_at_or_above_the_floor() -> None:
    async with bench(hasher=None) as at:
        for email in ("a@example.com", "b@example.com"):
            assert (await Browser(at.gate.asgi).register(email)).status == 201
        first, second = (account.password_hash for account in at.memory._accounts.values())
        match = re.match(r"^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$", first)
        assert match is not None
        assert int(match[1]) >= 19_456
        assert int(match[2]) >= 2
        assert first != second, "each has a salt of its own"
        assert (await Browser(at.gate.asgi).login("a@example.com")).status == 200
        assert (await Browser(at.gate.asgi).login("a@example.com", WRONG)).status == 401


async def test_created_at_is_the_time_of_registration(at: Bench, ann: Browser) -> None:
    assert (await ann.get("/me")).json()["created_at"] == NOW
