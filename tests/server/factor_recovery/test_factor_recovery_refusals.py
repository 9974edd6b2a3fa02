"""A recovery of lost factors that is refused, raced by another act, or asked for after a change of the address."""

from typing import Any

import pytest

from gatepass import HookFacts, Refused
from gatepass.core.policy import HOUR, Policy
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.mail import Mail
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.factor_recovery import NEW, WAIT, ask, asked, complete, has_app, link_of, mailed, pending, ticket_of
from tests.support.factors import App, account_of, enrol
from tests.support.gates import open_gate
from tests.support.mail import Post, Postbox, post


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
