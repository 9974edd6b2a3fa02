"""Lost factors and no recovery code: the waiting time, its mail, what ends it, and what is left afterwards."""

import asyncio
import re

import pytest

from gatepass.core.factor import RECOVERY_WINDOW
from gatepass.core.policy import DAY, HOUR, Policy
from gatepass.errors import ConfigurationError
from gatepass.factors.recovery import MAIL_EVERY
from tests.support.browser import EMAIL, Browser
from tests.support.factor_recovery import NEW, WAIT, ask, asked, complete, has_app, link_of, mailed, pending, ticket_of
from tests.support.factors import App, account_of, enrol
from tests.support.mail import Post, post


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


def test_the_waiting_time_is_an_hour_at_least_and_three_days_unless_said() -> None:
    assert Policy().factor_recovery_wait == 3 * DAY
    for wait in (1, HOUR - 1, 31 * DAY, -1):
        with pytest.raises(ConfigurationError, match="factor_recovery_wait"):
            Policy(factor_recovery_wait=wait)
