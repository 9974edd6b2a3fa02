"""Lost factors and no recovery code: the waiting time, its mail, what ends it, and what is left afterwards."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass import HookFacts, Refused
from gatepass.core.factor import RECOVERY_WINDOW
from gatepass.core.policy import DAY, HOUR, Policy
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.errors import ConfigurationError
from gatepass.factors.recovery import MAIL_EVERY
from gatepass.mail import Mail
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.factors import App, account_of, enrol
from tests.support.gates import open_gate
from tests.support.mail import Post, Postbox, post

WAIT = Policy().factor_recovery_wait
NEW = "eleven red lanterns at the quay"


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post() as made:
        yield made


@pytest.fixture
async def ann(at: Post) -> Browser:
    """Ann's laptop, signed in before she had an app, when her address had been hers for long."""
    browser = await at.verified()
    at.at.clock.advance(WAIT)
    return browser


@pytest.fixture
async def app(at: Post, ann: Browser) -> App:
    return await enrol(at.at)


async def ticket_of(browser: Browser, *, password: str = PASSWORD) -> str:
    """The ticket of a first step."""
    answer = await browser.login(EMAIL, password)
    assert answer.code == "second-factor-required", answer.body
    return str(answer.json()["ticket"])


async def ask(browser: Browser, *, password: str = PASSWORD) -> Answer:
    """The first step, and that the factors are lost."""
    return await browser.ask("/login/factor-recovery", ticket=await ticket_of(browser, password=password))


async def complete(browser: Browser, token: str, *, password: str = PASSWORD) -> Answer:
    """Another sign-in, and the mailed link."""
    ticket = await ticket_of(browser, password=password)
    return await browser.enter("/login/factor-recovery/complete", ticket=ticket, token=token)


async def link_of(at: Post) -> str:
    """The token of the newest mail about lost factors."""
    found = [re.search(r"#token=(gp_fr_\S+)", mail.text) for mail in await at.mails()]
    return next(match[1] for match in reversed(found) if match)


async def asked(at: Post, browser: Browser) -> str:
    """Ask, and wait. Returns the token of the mailed link."""
    assert (await ask(browser)).status == 202
    at.at.clock.advance(WAIT)
    return await link_of(at)


async def pending(at: Post) -> bool:
    return await at.at.store.find_factor_recovery((await account_of(at.at)).id) is not None


async def has_app(at: Post) -> bool:
    return (await at.at.gate.factors.summary((await account_of(at.at)).id)).has_second


async def mailed(at: Post) -> int:
    """How many mails with a link about lost factors went out."""
    return sum("gp_fr_" in mail.text for mail in await at.mails())


class TestWhole:
    async def test_after_the_waiting_time_the_password_and_the_mailed_link_remove_all_factors(
        self, at: Post, ann: Browser, app: App
    ) -> None:
        phone, now = at.browser(), at.at.clock.now()
        begun = await ask(phone)
        assert begun.status == 202
        times = {"requested_at": now, "ready_at": now + WAIT, "ends_at": now + WAIT + RECOVERY_WINDOW}
        assert begun.json() == times
        (letter,) = (mail for mail in await at.mails() if "gp_fr_" in mail.text)
        assert (letter.to, letter.subject) == (EMAIL, "Have you lost your second step for gate.example?")
        assert "https://gate.example/lost-factors#token=gp_fr_" in letter.text
        at.at.clock.advance(WAIT - 1)
        early = await complete(phone, await link_of(at))
        assert (early.status, early.code, early.json()["ready_at"]) == (409, "recovery-not-ready", now + WAIT)
        assert await has_app(at)
        at.at.clock.advance(1)
        answer = await complete(phone, await link_of(at))
        assert (answer.status, answer.json()["account"]["email"]) == (200, EMAIL)
        assert at.at.gate.check.principal([f"Bearer {phone.access_token}"]).methods == ("pwd",)
        assert not await has_app(at)
        assert not await pending(at)
        assert (await phone.refresh()).status == 200
        assert (await ann.refresh()).code == "session-ended", "the sessions from before are over"
        assert (await at.browser().login()).status == 200
        assert (EMAIL, "Your account at gate.example has no second step any more") in await at.subjects()
        (told,) = at.at.named("user_factors_reset")
        assert (told.account_id, told.by) == ((await account_of(at.at)).id, "owner")  # type: ignore[attr-defined]

    async def test_it_counts_once_and_a_lost_answer_is_met_by_a_sign_in(self, at: Post, app: App) -> None:
        phone = at.browser()
        token, ticket = await asked(at, phone), await ticket_of(phone)
        body = {"ticket": ticket, "token": token}
        assert (await phone.enter("/login/factor-recovery/complete", **body)).status == 200
        again = await phone.enter("/login/factor-recovery/complete", **body)
        assert (again.status, again.code) == (400, "sign-in-expired")
        assert (await phone.login()).status == 200

    async def test_the_session_is_bound_to_the_key_of_the_sign_in(self, at: Post, app: App) -> None:
        phone = at.browser(key=b"p" * 32)
        token, ticket = await asked(at, phone), await ticket_of(phone)
        thief = phone.clone(key=b"t" * 32)
        refused = await thief.enter("/login/factor-recovery/complete", ticket=ticket, token=token)
        assert (refused.status, refused.code) == (400, "sign-in-expired")
        assert (await phone.enter("/login/factor-recovery/complete", ticket=ticket, token=token)).status == 200
        assert (await phone.refresh()).status == 200

    async def test_where_a_second_factor_is_required_a_new_one_is_enrolled_at_once(self) -> None:
        async with post(policy=Policy(registration="verify", second_factor="required")) as at:
            await at.verified()
            at.at.clock.advance(WAIT)
            await enrol(at.at)
            phone = at.browser()
            answer = await complete(phone, await asked(at, phone))
            assert (answer.status, answer.code, answer.json()["methods"]) == (401, "second-factor-required", ["enrol"])
            begun = await phone.ask("/login/enrol", ticket=answer.json()["ticket"])
            app = App(at.at, App.secret_of(begun.json()["secret"]))
            answer = await phone.ask("/login/enrol/confirm", ticket=answer.json()["ticket"], code=app.shown())
            assert answer.status == 200
            assert await has_app(at)

    async def test_wrong_codes_of_a_guesser_are_forgotten_with_the_factors(self, at: Post, app: App) -> None:
        guesser = at.browser()
        ticket = await ticket_of(guesser)
        for _ in range(6):
            answer = await guesser.ask("/login/totp", ticket=ticket, code=app.wrong())
        assert answer.code == "too-many-attempts"
        phone = at.browser()
        assert (await complete(phone, await asked(at, phone))).status == 200
        fresh = await enrol(at.at)
        assert (await phone.ask("/login/totp", ticket=await ticket_of(phone), code=fresh.code())).status == 200


class TestAskingAgain:
    async def test_it_neither_restarts_nor_shortens_the_time_and_mails_seldom(self, at: Post, app: App) -> None:
        phone = at.browser()
        first = (await ask(phone)).body
        for _ in range(4):
            assert (await ask(phone)).body == first
        assert await mailed(at) == 1
        at.at.clock.advance(MAIL_EVERY + 1)
        assert (await ask(at.browser())).body == first
        assert (await ask(at.browser())).body == first
        assert await mailed(at) == 2, "a mail may be lost"
        tokens = {found for mail in await at.mails() for found in re.findall(r"gp_fr_\S+", mail.text)}
        assert len(tokens) == 1
        assert len(at.at.named("user_factor_recovery_request")) == 1

    async def test_what_nobody_completed_is_void_after_a_week_and_can_be_asked_for_again(
        self, at: Post, app: App
    ) -> None:
        phone = at.browser()
        token = await asked(at, phone)
        at.at.clock.advance(RECOVERY_WINDOW)
        assert (await complete(phone, token)).code == "invalid-link"
        assert (await ask(phone)).json()["requested_at"] == at.at.clock.now()
        assert (await complete(phone, token)).code == "invalid-link"
        assert await mailed(at) == 2

    async def test_nothing_begins_whose_mail_cannot_be_sent(self, at: Post, app: App) -> None:
        assert at.at.gate.outbox is not None
        phone = at.browser()
        ticket = await ticket_of(phone)
        outbox = at.at.gate.outbox
        outbox._queue.put_nowait = _full  # type: ignore[assignment, method-assign]
        answer = await phone.ask("/login/factor-recovery", ticket=ticket)
        assert (answer.status, answer.code) == (503, "overloaded")
        assert not await pending(at)
        assert at.at.named("user_factor_recovery_request") == []


def _full(_queued: object) -> None:
    raise asyncio.QueueFull


class TestEnding:
    async def test_the_mailed_link_keeps_the_factors_whoever_has_asked(self, at: Post, app: App) -> None:
        thief = at.browser()
        token = await asked(at, thief)
        assert (await at.ask("/factor-recovery/cancel", {"token": token})).status == 204
        assert (await at.ask("/factor-recovery/cancel", {"token": token})).status == 204, "the button twice"
        assert (await complete(thief, token)).code == "invalid-link"
        assert await has_app(at)
        (told,) = at.at.named("user_factor_recovery_cancel")
        assert told.by == "link"  # type: ignore[attr-defined]
        assert (EMAIL, "Your second step") in await at.subjects()

    async def test_a_link_of_an_earlier_request_keeps_them_and_does_not_remove_them(self, at: Post, app: App) -> None:
        thief = at.browser()
        assert (await ask(thief)).status == 202
        earlier = await link_of(at)
        assert (await at.ask("/factor-recovery/cancel", {"token": earlier})).status == 204
        at.at.clock.advance(1)
        await asked(at, thief)
        assert (await complete(thief, earlier)).code == "invalid-link"
        assert (await at.ask("/factor-recovery/cancel", {"token": earlier})).status == 204
        assert not await pending(at)

    @pytest.mark.parametrize("how", ["totp", "recovery"])
    async def test_a_sign_in_with_a_factor_keeps_them(self, at: Post, app: App, how: str) -> None:
        thief, phone = at.browser(), at.browser()
        token = await asked(at, thief)
        code = app.code() if how == "totp" else app.recovery_codes[0]
        assert (await phone.ask(f"/login/{how}", ticket=await ticket_of(phone), code=code)).status == 200
        assert not await pending(at)
        assert (await complete(thief, token)).code == "invalid-link"
        (told,) = at.at.named("user_factor_recovery_cancel")
        assert told.by == "sign-in"  # type: ignore[attr-defined]

    async def test_a_step_up_keeps_them_and_its_ticket_asks_for_nothing(self, at: Post, ann: Browser, app: App) -> None:
        token = await asked(at, at.browser())
        await ann.refresh()
        ticket = (await ann.ask("/step-up")).json()["ticket"]
        for path in ("/login/factor-recovery", "/login/factor-recovery/complete"):
            body = {"ticket": ticket} | ({"token": token} if path.endswith("complete") else {})
            assert (await ann.ask(path, **body)).code == "sign-in-expired"
        assert await has_app(at)
        assert (await ann.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        assert not await pending(at)

    async def test_any_session_of_the_owner_sees_it_among_the_factors_and_keeps_them(
        self, at: Post, ann: Browser, app: App
    ) -> None:
        await ann.refresh()
        assert (await at.ask("/factor-recovery", {}, browser=ann, method="DELETE")).status == 404
        begun = await ask(at.browser())
        await ann.refresh()
        listed = await ann.get("/factors")
        assert listed.json()["recovery"] == begun.json()
        assert (await at.ask("/factor-recovery", {}, browser=ann, method="DELETE")).status == 204
        assert (await ann.get("/factors")).json()["recovery"] is None
        assert not await pending(at)
        assert (await at.ask("/factor-recovery", {}, method="DELETE")).status == 401

    async def test_an_administrator_keeps_them_too_and_is_written_down(self, at: Post, app: App) -> None:
        assert (await ask(at.browser())).status == 202
        account, administration = await account_of(at.at), at.at.gate.administration
        assert await administration.cancel_factor_recovery(account.id, by="bob@work")
        assert not await administration.cancel_factor_recovery(account.id, by="bob@work")
        assert (await administration.entries())[0].action == "factor-recovery-cancelled"

    async def test_a_new_password_keeps_them_by_mail_and_by_hand(self, at: Post, app: App) -> None:
        thief = at.browser()
        token = await asked(at, thief)
        assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
        assert (await at.ask("/password/reset", {"token": await at.token(), "new": NEW})).status == 204
        assert not await pending(at)
        assert (await complete(thief, token, password=NEW)).code == "invalid-link"
        assert (await ask(thief, password=NEW)).json()["requested_at"] == at.at.clock.now(), "and the time runs anew"

    async def test_a_disabled_account_and_a_changed_factor_end_it(self, at: Post, app: App) -> None:
        account = await account_of(at.at)
        assert (await ask(at.browser())).status == 202
        await at.at.gate.accounts.disable(account.id)
        assert not await pending(at)
        await at.at.gate.accounts.enable(account.id)
        assert (await ask(at.browser())).status == 202
        await at.at.gate.recovery_codes.renew(await account_of(at.at))
        assert not await pending(at)


class TestRefusals:
    async def test_a_ticket_that_is_not_accepted_gets_one_answer_whatever_is_wrong_with_it(
        self, at: Post, app: App
    ) -> None:
        phone = at.browser()
        good = await ticket_of(phone)
        late = await ticket_of(phone)
        await at.browser().register("bob@example.com")
        at.at.clock.advance(TICKET_TTL)
        used = await ticket_of(phone)
        await at.at.gate.recovery_codes.renew(await account_of(at.at))
        answers = set()
        for ticket in ("gp_st_x", good[:-4] + "AAAA", late, used):
            answer = await phone.ask("/login/factor-recovery", ticket=ticket)
            answers.add((answer.status, answer.body))
        assert len(answers) == 1
        assert answers.pop()[0] == 400
        assert await mailed(at) == 0

    async def test_a_link_that_is_not_accepted_gets_one_answer_whatever_is_wrong_with_it(
        self, at: Post, app: App
    ) -> None:
        await at.verified("bob@example.com")
        bobs = await enrol(at.at, "bob@example.com")
        assert bobs
        at.at.clock.advance(WAIT)
        phone = at.browser()
        answer = await phone.login("bob@example.com")
        await phone.ask("/login/factor-recovery", ticket=answer.json()["ticket"])
        of_bob = await link_of(at)
        token = await asked(at, phone)
        assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
        reset = await at.token()
        assert reset.startswith("gp_pr_")
        wrong = ["gp_fr_" + "x" * 96, token[:-4] + "AAAA", of_bob, reset, reset.replace("gp_pr_", "gp_fr_")]
        answers = {((await complete(phone, each)).status, (await complete(phone, each)).body) for each in wrong}
        await at.ask("/factor-recovery/cancel", {"token": token})
        cancelled = await complete(phone, token)
        answers.add((cancelled.status, cancelled.body))
        assert len(answers) == 1
        assert cancelled.code == "invalid-link"
        assert await has_app(at)
        refused = {(await at.ask("/factor-recovery/cancel", {"token": each})).body for each in (wrong[0], reset)}
        assert refused == {cancelled.body}

    async def test_an_account_whose_factors_are_gone_or_that_must_enrol_has_nothing_to_recover(self) -> None:
        policy = Policy(registration="verify", second_factor="required", second_factor_grace=0)
        async with post(policy=policy) as at:
            browser = at.browser()
            await browser.register()
            body = {"token": await at.token(), "password": PASSWORD}
            ticket = (await at.ask("/verify", body, browser=browser)).json()["ticket"]
            answer = await browser.ask("/login/factor-recovery", ticket=ticket)
            assert (answer.status, answer.code) == (400, "sign-in-expired")
            assert await mailed(at) == 0

    @pytest.mark.parametrize(
        "options", [{"policy": Policy(registration="open", factor_recovery_wait=0)}, {"mail": Mail()}]
    )
    async def test_without_mail_or_switched_off_it_is_an_administrator_s(self, options: dict[str, Any]) -> None:
        box = Postbox()
        async with open_gate(**{"policy": Policy(registration="open"), "mail": Mail(box), **options}) as made:
            at = Post(made, box)
            await at.browser().register()
            await enrol(made)
            answer = await ask(at.browser())
            assert (answer.status, answer.code) == (403, "not-offered")
            assert not await pending(at)

    async def test_a_rule_of_the_application_refuses_it_before_and_after_the_waiting_time(
        self, at: Post, app: App
    ) -> None:
        told: list[HookFacts[None]] = []
        refuses = False

        @at.at.gate.before("recover_factors")
        def not_for_administrators(facts: HookFacts[None]) -> None:
            told.append(facts)
            if refuses:
                raise Refused("ask-the-help-desk", "The help desk does it.")

        refuses = True
        answer = await ask(at.browser())
        assert (answer.status, answer.code) == (403, "app:ask-the-help-desk")
        assert not await pending(at)
        refuses = False
        token = await asked(at, at.browser())
        refuses = True
        assert (await complete(at.browser(), token)).code == "app:ask-the-help-desk"
        assert await has_app(at)
        refuses = False
        assert (await complete(at.browser(), token)).status == 200
        assert [facts.email for facts in told] == [EMAIL] * 4

    async def test_pages_of_other_sites_are_refused(self, at: Post, app: App) -> None:
        for path in ("/login/factor-recovery", "/login/factor-recovery/complete", "/factor-recovery/cancel"):
            answer = await at.browser().send("POST", path, body={"ticket": "x", "token": "x"})
            assert (answer.status, answer.code) == (403, "cross-site")

    async def test_no_token_is_in_an_event_or_in_what_objects_show(self, at: Post, app: App) -> None:
        token = await asked(at, at.browser())
        assert token not in repr(at.at.events)


class TestRaces:
    async def test_of_two_completions_one_counts_and_one_that_meets_a_cancellation_changes_nothing(
        self, at: Post, app: App
    ) -> None:
        phone = at.browser()
        token, ticket = await asked(at, phone), await ticket_of(phone)
        account = await account_of(at.at)

        async def cancel(verb: str) -> None:
            if verb == "end_factor_recovery":
                at.at.store.before = None
                await at.at.store.inner.cancel_factor_recovery(account.id)

        at.at.store.before = cancel
        answer = await phone.enter("/login/factor-recovery/complete", ticket=ticket, token=token)
        assert (answer.status, answer.code) == (422, "invalid-link")
        assert await has_app(at)

    async def test_one_that_races_a_new_password_does_not_begin(self, at: Post, app: App) -> None:
        phone = at.browser()
        ticket, account = await ticket_of(phone), await account_of(at.at)

        async def change(verb: str) -> None:
            if verb == "start_factor_recovery":
                at.at.store.before = None
                await at.at.store.inner.change_password(
                    account.id,
                    password_hash="other",
                    credential_version=account.credential_version,
                    now=at.at.clock.now(),
                    keep=None,
                )

        at.at.store.before = change
        answer = await phone.ask("/login/factor-recovery", ticket=ticket)
        assert (answer.status, answer.code) == (400, "sign-in-expired")
        assert not await pending(at)


class TestAddress:
    async def test_the_time_runs_once_the_address_has_been_the_account_s_for_as_long(self, at: Post) -> None:
        await at.verified()
        await enrol(at.at)
        since = at.at.clock.now()
        at.at.clock.advance(HOUR)
        assert (await ask(at.browser())).json()["ready_at"] == since + 2 * WAIT

    async def test_a_new_address_ends_it_and_its_holder_waits_twice(self, at: Post, ann: Browser, app: App) -> None:
        thief = at.browser()
        former = await asked(at, thief)
        account = await account_of(at.at)
        assert await at.at.store.change_email(
            account.id,
            email="eve@example.com",
            email_key="eve@example.com",
            credential_version=account.credential_version,
            verified_at=at.at.clock.now(),
        )
        answer = await thief.login("eve@example.com")
        ticket = answer.json()["ticket"]
        refused = await thief.ask("/login/factor-recovery/complete", ticket=ticket, token=former)
        assert refused.code == "invalid-link"
        begun = await thief.ask("/login/factor-recovery", ticket=ticket)
        assert begun.json()["ready_at"] == at.at.clock.now() + 2 * WAIT
        assert "eve@example.com" in [mail.to for mail in await at.mails() if "gp_fr_" in mail.text]
        assert (await at.ask("/factor-recovery/cancel", {"token": former})).code == "invalid-link"

    async def test_a_reset_of_the_password_lengthens_it_only_for_an_address_that_was_never_verified(
        self, at: Post, app: App
    ) -> None:
        assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
        assert (await at.ask("/password/reset", {"token": await at.token(), "new": NEW})).status == 204
        assert (await ask(at.browser(), password=NEW)).json()["ready_at"] == at.at.clock.now() + WAIT


def test_the_waiting_time_is_an_hour_at_least_and_three_days_unless_said() -> None:
    assert Policy().factor_recovery_wait == 3 * DAY
    for wait in (1, HOUR - 1, 31 * DAY, -1):
        with pytest.raises(ConfigurationError, match="factor_recovery_wait"):
            Policy(factor_recovery_wait=wait)
