"""What a code by mail opens and what it does not, and whose account it is."""

import asyncio

import pytest

from gatepass.core.identity import Identity
from gatepass.core.mail_code import MAIL_CODE_TTL, MAX_TRIES
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.core.secret import Secret
from tests.support.browser import EMAIL, PASSWORD
from tests.support.factors import account_of, enrol
from tests.support.gates import OTHER_SECRET, SECRET, WatchedStore
from tests.support.mail import Post, post
from tests.support.mail_codes import BOB, POLICY, ask, code_at, other_browser, show, wrong


class TestWhatACodeIsWorth:
    async def test_it_counts_once(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        assert (await show(browser, ticket, code)).status == 200
        again = await show(browser, ticket, code)
        assert (again.status, again.code) == (400, "sign-in-expired")

    async def test_of_many_at_once_one_begins_a_session(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        answers = await asyncio.gather(*(show(other_browser(at, n), ticket, code) for n in range(1, 5)))
        assert [answer.status for answer in answers].count(200) == 1
        assert len(at.at.named("session_created")) == 1

    async def test_a_mistyped_code_leaves_the_ticket_and_says_nothing_about_the_account(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        answer = await show(browser, ticket, wrong(code))
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-mail-code", [])
        nobody = await show(other_browser(at), await ask(other_browser(at), "nobody@example.com"), code)
        assert (nobody.status, nobody.headers, nobody.body) == (answer.status, answer.headers, answer.body)
        assert (await show(browser, ticket, code)).status == 200
        refused = [event.account_id for event in at.at.named("authn_mail_code_refused")]  # type: ignore[attr-defined]
        assert refused == [(await account_of(at.at)).id, None]

    async def test_looking_at_a_code_is_the_same_work_for_every_address(self, at: Post) -> None:
        await at.browser().register("off@example.com")
        await at.at.gate.accounts.disable((await account_of(at.at, "off@example.com")).id)
        traces, answers = [], []
        for number, email in enumerate((EMAIL, "off@example.com", "nobody@example.com")):
            browser = other_browser(at, number + 1)
            ticket = await ask(browser, email)
            await at.mails()
            at.at.store.verbs.clear()
            answers.append((await show(browser, ticket, "0000-0000")).body)
            traces.append(list(at.at.store.verbs))
        assert traces[0] == traces[1] == traces[2]
        assert len(set(answers)) == 1

    async def test_a_ticket_takes_five_codes_and_then_not_even_the_right_one(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        for _ in range(MAX_TRIES):
            at.at.clock.advance(MINUTE // 2)
            assert (await show(browser, ticket, wrong(code))).code == "invalid-mail-code"
        at.at.clock.advance(MINUTE)
        assert (await show(browser, ticket, code)).code == "sign-in-expired"

    async def test_a_burst_of_guesses_is_counted_before_it_is_looked_at(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        guesses = [show(other_browser(at, n), ticket, wrong(code)) for n in range(1, 40)]
        answers = await asyncio.gather(*guesses)
        assert sum(answer.code == "invalid-mail-code" for answer in answers) <= MAX_TRIES
        assert (await show(browser, ticket, code)).status != 200

    @pytest.mark.slow
    async def test_new_tickets_buy_no_guesses_without_end_and_a_right_password_clears_no_count(self, at: Post) -> None:
        looked_at = 0
        for number in range(1, 200):
            at.at.clock.advance(HOUR)
            stranger = other_browser(at, number % 250 + 1)
            ticket = await ask(stranger)
            for _ in range(MAX_TRIES):
                looked_at += (await show(stranger, ticket, "0000-0000")).code == "invalid-mail-code"
            if number == 5:
                assert (await at.browser().login()).status == 200
        assert looked_at <= 80
        assert (await at.browser().login()).status == 200, "the password has counts of its own"

    async def test_a_new_password_by_mail_gives_the_owner_the_codes_back(self, at: Post) -> None:
        for number in range(1, 120):
            at.at.clock.advance(HOUR)
            stranger = other_browser(at, number)
            await show(stranger, await ask(stranger), "0000-0000")
        owner = other_browser(at, 200)
        at.at.clock.advance(DAY)
        assert (await show(owner, await ask(owner), await code_at(at))).code == "too-many-attempts"
        at.at.clock.advance(DAY)
        await at.ask("/password/forgot", {"email": EMAIL})
        new = {"token": await at.token(), "new": "nine white swans on a lake"}
        assert (await at.ask("/password/reset", new)).status == 204
        at.at.clock.advance(DAY)
        assert (await show(owner, await ask(owner), await code_at(at))).status == 200

    async def test_it_is_over_after_ten_minutes_by_the_clock_of_the_server(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        at.at.clock.advance(MAIL_CODE_TTL)
        assert (await show(browser, ticket, code)).code == "sign-in-expired"

    async def test_just_before_it_counts(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        at.at.clock.advance(MAIL_CODE_TTL - 1)
        assert (await show(browser, ticket, code)).status == 200

    async def test_a_forwarded_code_is_of_no_use_in_another_browser(self, at: Post) -> None:
        browser, other = at.browser(), other_browser(at)
        ticket, code = await ask(browser), await code_at(at)
        own = await ask(other)
        assert (await show(other, own, code)).code == "invalid-mail-code"
        assert (await other.enter("/login/mail-code", ticket=ticket, code=code)).code == "sign-in-expired"
        assert (await show(browser, ticket, code)).status == 200, "neither has used anything up"

    async def test_a_copied_ticket_and_its_code_begin_no_session_that_another_client_goes_on_with(
        self, at: Post
    ) -> None:
        browser, thief = at.browser(), other_browser(at)
        ticket, code = await ask(browser), await code_at(at)
        assert (await show(thief, ticket, code)).status == 200
        assert (await thief.refresh()).code == "proof-required"

    async def test_a_client_that_had_no_key_when_it_asked_may_bring_one_with_the_code(self, at: Post) -> None:
        browser = at.browser(key=None)
        ticket, code = await ask(browser), await code_at(at)
        browser.key = b"n" * 32
        assert (await browser.enter("/login/mail-code", ticket=ticket, code=code)).status == 200
        assert (await browser.refresh()).status == 200

    async def test_the_ticket_of_one_address_opens_no_other_account(self, at: Post) -> None:
        await at.browser().register(BOB)
        browser = at.browser()
        of_ann = await ask(browser)
        code_of_ann = await code_at(at)
        of_bob = await ask(browser, BOB)
        code_of_bob = await code_at(at)
        assert (await show(browser, of_ann, code_of_bob)).code == "invalid-mail-code"
        assert (await show(browser, of_bob, code_of_ann)).code == "invalid-mail-code"

    @pytest.mark.parametrize("text", ["x", "gp_mc_", "gp_mc_" + "A" * 200, "gp_st_" + "A" * 200, "é"])
    async def test_what_is_no_ticket_gets_one_answer(self, at: Post, text: str) -> None:
        answer = await show(at.browser(), text, "0000-0000")
        assert (answer.status, answer.code) == (400, "sign-in-expired")

    async def test_a_ticket_of_another_kind_is_none(self, at: Post) -> None:
        browser = at.browser()
        mailed = await ask(browser)
        await enrol(at.at)
        second = (await other_browser(at).login()).json()["ticket"]
        assert (await show(browser, second, "0000-0000")).code == "sign-in-expired"
        assert (await browser.ask("/login/totp", ticket=mailed, code="123456")).code == "sign-in-expired"

    @pytest.mark.parametrize("code", ["", "0", "0000-00000", "０００００００", "٠٠٠٠٠٠٠٠", "x" * 64, "0000-000U"])
    async def test_what_is_no_code_is_a_wrong_one_or_a_fault_of_form(self, at: Post, code: str) -> None:
        browser = at.browser()
        answer = await show(browser, await ask(browser), code)
        assert (answer.status, answer.code) in ((401, "invalid-mail-code"), (422, "invalid-body"))

    @pytest.mark.parametrize("change", ["password", "address", "factor", "disabled"])
    async def test_a_change_of_the_account_makes_it_void(self, at: Post, change: str) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        account, store = await account_of(at.at), at.at.store
        if change == "password":
            await at.at.gate.administration.disable_account(account.id, by="a")
            await at.at.gate.administration.enable_account(account.id, by="a")
        elif change == "address":
            version, new = account.credential_version, "ann@example.net"
            assert await store.change_email(
                account.id, email=new, email_key=new, credential_version=version, verified_at=None
            )
        elif change == "factor":
            await enrol(at.at)
        else:
            await at.at.gate.accounts.disable(account.id)
        assert (await show(browser, ticket, code)).code == "invalid-mail-code"

    @pytest.mark.parametrize("verb", ["use_once", "add"])
    async def test_a_code_that_races_the_disabling_of_its_account_begins_nothing(self, at: Post, verb: str) -> None:
        browser, account = at.browser(), await account_of(at.at)
        ticket, code = await ask(browser), await code_at(at)

        async def disable(name: str) -> None:
            if name == verb:
                at.at.store.before = None
                await at.at.store.inner.disable_account(account.id, now=at.at.clock.now())

        at.at.store.before = disable
        answer = await show(browser, ticket, code)
        assert (answer.status, answer.code, answer.cookies) == (400, "sign-in-expired", [])
        assert at.at.named("session_created") == []

    async def test_a_page_of_another_site_asks_for_none_and_shows_none(self, at: Post) -> None:
        for path in ("/login/mail-code/request", "/login/mail-code"):
            browser = at.browser(origin="https://evil.example")
            answer = await browser.send("POST", path, body={"email": EMAIL})
            assert (answer.status, answer.code) == (403, "cross-site")
        assert await at.mails() == []

    async def test_a_get_uses_nothing_up(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        for path in ("/login/mail-code", "/login/mail-code/request"):
            for method in ("GET", "HEAD"):
                assert (await browser.send(method, path)).status == 405
                assert (await browser.navigate(path, query=f"ticket={ticket}&code={code}".encode())).status == 405
        assert (await show(browser, ticket, code)).status == 200


class TestWhoseAccountItIs:
    """A code proves the mailbox; who made an account of an address that was never verified may be another person."""

    async def test_the_first_code_takes_an_unverified_account_from_whoever_made_it(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            stranger, ann = other_browser(at), at.browser()
            assert (await stranger.register()).status == 201
            answer = await show(ann, await ask(ann), await code_at(at))
            assert (answer.status, answer.json()["account"]["email_verified"]) == (200, True)
            assert (await stranger.refresh()).code == "session-ended"
            assert (await stranger.login()).code == "invalid-credentials"
            assert (await ann.get("/me")).json()["password"] is False
            assert at.at.named("authn_password_removed")
            assert at.at.named("user_verified")
            assert (await at.subjects())[-1][1].startswith("Your account at")

    async def test_identities_of_a_stranger_go_with_it(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            account = await at.at.gate.accounts.add(EMAIL, Secret(PASSWORD), email_key=EMAIL)
            identity = Identity("acme", "https://acme.example", "1", email=EMAIL, email_verified=True)
            await at.at.gate.identities.link(account.id, identity)
            ann = at.browser()
            assert (await show(ann, await ask(ann), await code_at(at))).status == 200
            assert list(await at.at.gate.identities.list_for_account(account.id)) == []

    async def test_a_verified_account_keeps_its_password_and_its_other_sessions(self, at: Post) -> None:
        phone, laptop = at.browser(), other_browser(at)
        assert (await phone.login()).status == 200
        assert (await show(laptop, await ask(laptop), await code_at(at))).status == 200
        assert (await phone.refresh()).status == 200
        assert (await laptop.get("/me")).json()["password"] is True

    async def test_a_sign_in_that_was_cut_off_in_between_is_finished_by_the_next(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            await at.browser().register()
            ann = at.browser()
            ticket, code = await ask(ann), await code_at(at)

            async def cut(verb: str) -> None:
                if verb == "verify_account":
                    raise RuntimeError("the process was killed")

            at.at.store.before = cut
            assert (await show(ann, ticket, code)).status == 500
            at.at.store.before = None
            assert (await show(ann, await ask(ann), await code_at(at))).status == 200
            assert (await account_of(at.at)).verified_at is not None


async def test_a_code_of_a_former_secret_still_counts_while_that_is_known() -> None:
    store = WatchedStore()
    async with post(policy=POLICY, store=store) as before:
        await before.browser().register()
        ticket, code = await ask(before.browser()), await code_at(before)
    async with post(policy=POLICY, store=store, secrets=[OTHER_SECRET, SECRET]) as after:
        assert (await show(after.browser(), ticket, code)).status == 200
