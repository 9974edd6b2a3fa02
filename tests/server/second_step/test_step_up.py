"""A session that is stepped up, what a second factor guards, and what is reported."""

import pytest

from gatepass.core.policy import Policy
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, RT, Browser
from tests.support.factors import App, account_of, enrol
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import post
from tests.support.second_step import caller, ticket_of


class TestStepUp:
    async def test_it_begins_a_new_session_in_place_of_the_callers(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        before, asked = ann.sid, await ann.enter("/step-up")
        assert (asked.status, asked.json()["methods"], asked.cookies) == (200, ["totp", "recovery"], [])
        answer = await ann.ask("/login/totp", ticket=asked.json()["ticket"], code=app.code())
        assert answer.status == 200
        assert ann.sid != before
        assert (caller(at, ann).methods, caller(at, ann).acr) == (("pwd", "otp", "mfa"), "mfa")
        assert caller(at, ann).authenticated_at == at.clock.now()
        (ended,) = at.named("session_revoked")
        assert (ended.sid, ended.reason) == (before, "replaced")  # type: ignore[attr-defined]
        assert (await ann.refresh()).status == 200

    async def test_an_account_without_factors_is_told_so(self, ann: Browser) -> None:
        answer = await ann.ask("/step-up")
        assert (answer.status, answer.code) == (403, "no-second-factor")

    async def test_a_session_that_ended_meanwhile_is_not_brought_back(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        ticket = (await ann.enter("/step-up")).json()["ticket"]
        await at.gate.sessions.revoke_all((await account_of(at)).id, reason="revoked")
        answer = await ann.ask("/login/totp", ticket=ticket, code=app.code())
        assert (answer.status, answer.code, answer.cookies) == (400, "sign-in-expired", [])

    async def test_not_even_if_it_ends_while_the_new_one_begins(self, at: GateHarness, ann: Browser, app: App) -> None:
        ticket, account = (await ann.enter("/step-up")).json()["ticket"], await account_of(at)
        own = bytes.fromhex(ann.sid)

        async def end(verb: str) -> None:
            if verb == "use_once":
                await at.memory.revoke(own, reason="revoked", now=at.clock.now())

        at.store.after = end
        answer = await ann.ask("/login/totp", ticket=ticket, code=app.code())
        assert (answer.code, answer.cookies) == ("sign-in-expired", [])
        assert await at.gate.sessions.list_for_account(account.id) == []

    async def test_it_needs_a_session(self, other: Browser) -> None:
        assert (await other.ask("/step-up")).code == "token-required"

    async def test_the_cookies_last_as_those_of_the_session_before(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        browser = Browser(at.gate.asgi)
        ticket = await ticket_of(browser, remember=False)
        await browser.ask("/login/totp", ticket=ticket, code=app.code())
        ticket = (await browser.enter("/step-up")).json()["ticket"]
        answer = await browser.ask("/login/totp", ticket=ticket, code=app.code())
        assert "Max-Age" not in answer.cookie(RT).marks


class TestWhatMatters:
    """What changes how an account is signed in to wants a session of several factors, where the account has them."""

    async def attempts(self, browser: Browser) -> list[Answer]:
        own = [browser.bearer, ("gatepass-client", "1")]
        return [
            await browser.enter("/password", current=PASSWORD, new="eight green bottles on a wall"),
            await browser.ask("/email", email="ann@new.example", password=PASSWORD),
            await browser.ask("/account/delete", password=PASSWORD),
            await browser.send("DELETE", f"/identities/{'0' * 32}", headers=own),
        ]

    async def test_a_session_of_one_factor_is_told_to_step_up(self, ann: Browser, app: App) -> None:
        for answer in await self.attempts(ann):
            assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
            assert answer.json()["acr_values"] == "mfa"
            assert 'acr_values="mfa"' in answer.one("www-authenticate")

    async def test_stepped_up_it_goes_on(self, ann: Browser, app: App) -> None:
        ticket = (await ann.enter("/step-up")).json()["ticket"]
        assert (await ann.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        gone = await ann.ask("/account/delete", password=PASSWORD)
        assert (gone.status, gone.cookies[0].is_deletion) == (204, True)

    async def test_without_factors_nothing_more_is_asked(self, ann: Browser) -> None:
        assert (await ann.enter("/password", current=PASSWORD, new="eight green bottles on a wall")).status == 200


class TestReports:
    """Ways around a second factor that other projects were told of, tried here."""

    async def test_a_password_that_was_reset_by_mail_signs_nobody_in_and_removes_no_factor(self) -> None:
        """pallets-eco/flask-security #258, LemmyNet/lemmy #3714."""
        async with post(policy=Policy(registration="open")) as made:
            ann = made.browser()
            await ann.register()
            await made.at.memory.verify_account((await account_of(made.at)).id, now=1)
            app = await enrol(made.at)
            await made.ask("/password/forgot", {"email": EMAIL})
            new = "eight green bottles on a wall"
            reset = await made.ask("/password/reset", {"token": await made.token(), "new": new})
            assert (reset.status, reset.cookies) == (204, [])
            thief = made.browser()
            answer = await thief.login(EMAIL, new)
            assert (answer.code, answer.cookies) == ("second-factor-required", [])
            assert (await thief.ask("/login/totp", ticket=answer.json()["ticket"], code=app.code())).status == 200

    async def test_nor_does_one_of_an_account_whose_address_was_never_verified(self) -> None:
        async with post(policy=Policy(registration="open")) as made:
            await made.browser().register()
            app = await enrol(made.at)
            await made.ask("/password/forgot", {"email": EMAIL})
            new = "eight green bottles on a wall"
            assert (await made.ask("/password/reset", {"token": await made.token(), "new": new})).status == 204
            browser = made.browser()
            answer = await browser.login(EMAIL, new)
            assert (answer.code, answer.json()["methods"]) == ("second-factor-required", ["totp", "recovery"])
            assert (await browser.ask("/login/totp", ticket=answer.json()["ticket"], code=app.code())).status == 200

    async def test_the_first_step_leaves_nothing_by_which_a_browser_is_remembered(
        self, app: App, other: Browser
    ) -> None:
        """scheb/two-factor-bundle #253, antonioribeiro/google2fa-laravel #214: the remember cookie came too early."""
        await ticket_of(other, remember=True)
        assert other.jar == {}
        assert (await other.send("POST", "/refresh", headers=[("gatepass-client", "1")])).code == "no-session"

    async def test_a_ticket_opens_no_other_account_and_no_guarded_route(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        """twilio/authy-devise #58: what one account had proved was taken for another."""
        await Browser(at.gate.asgi).register("bob@example.com")
        bobs = await enrol(at, "bob@example.com")
        ticket = await ticket_of(other)
        answer = await other.ask("/login/totp", ticket=ticket, code=bobs.code())
        assert answer.code == "invalid-code"
        assert (await other.send("GET", "/me", headers=[("authorization", f"Bearer {ticket}")])).status == 401

    async def test_a_code_that_was_used_opens_no_second_ticket(self, at: GateHarness, app: App, other: Browser) -> None:
        """better-auth #10387, neiliro #55 (RFC 6238 §5.2)."""
        code = app.code()
        assert (await other.ask("/login/totp", ticket=await ticket_of(other), code=code)).status == 200
        thief = Browser(at.gate.asgi)
        answer = await thief.ask("/login/totp", ticket=await ticket_of(thief), code=code)
        assert answer.code == "invalid-code"

    async def test_a_thief_with_the_password_gets_no_more_guesses_by_signing_in_again(
        self, at: GateHarness, app: App
    ) -> None:
        """wg-easy #2775: a new first step made the count of the second one begin anew."""
        thief = Browser(at.gate.asgi, address="198.51.100.9")
        codes = []
        for _ in range(7):
            ticket = await ticket_of(thief)
            codes.append((await thief.ask("/login/totp", ticket=ticket, code=app.wrong())).code)
        assert codes[:5] == ["invalid-code"] * 5
        assert codes[-1] == "too-many-attempts"

    async def test_who_enrols_while_a_thief_is_between_the_steps_wins(self, at: GateHarness, ann: Browser) -> None:
        """supabase/auth #1439, AthenaNetworks/mymate #42: a factor of the thief's own, beside the owner's."""
        async with open_gate(policy=Policy(second_factor="required", second_factor_grace=0)) as made:
            await Browser(made.gate.asgi).register()
            thief = Browser(made.gate.asgi)
            ticket = (await thief.login()).json()["ticket"]
            begun = await thief.ask("/login/enrol", ticket=ticket)
            mine = App(made, App.secret_of(begun.json()["secret"]))
            await enrol(made)
            late = await thief.ask("/login/enrol/confirm", ticket=ticket, code=mine.code())
            assert (late.status, late.code, late.cookies) == (400, "sign-in-expired", [])
            fresh = (await thief.login()).json()
            assert fresh["methods"] == ["totp", "recovery"]
            for path, more in (("/login/enrol", {}), ("/login/enrol/confirm", {"code": mine.code()})):
                assert (await thief.ask(path, ticket=fresh["ticket"], **more)).code == "sign-in-expired"

    async def test_a_sign_in_that_began_before_the_factor_was_enrolled_ends_without_a_session(
        self, at: GateHarness, ann: Browser, other: Browser
    ) -> None:
        """The race of the password alone: looked at before the factor was there, stored after."""

        async def enrol_now(verb: str) -> None:
            if verb == "list_for_account":
                at.store.before = None
                await enrol(at)

        at.store.before = enrol_now
        answer = await other.login()
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])
        assert (await other.login()).code == "second-factor-required"

    @pytest.mark.parametrize("change", ["password", "disable", "factor"])
    async def test_a_ticket_dies_with_every_change_of_its_account(
        self, at: GateHarness, app: App, other: Browser, change: str
    ) -> None:
        """dotnet/aspnetcore #21985: what was proved before the security stamp changed went on counting."""
        ticket, account = await ticket_of(other), await account_of(at)
        if change == "password":
            await at.memory.change_password(
                account.id, password_hash="x", credential_version=account.credential_version, now=1, keep=None
            )
        elif change == "disable":
            await at.gate.accounts.disable(account.id)
        else:
            await at.memory.remove_totp(account.id, credential_version=account.credential_version)
        answer = await other.ask("/login/recovery", ticket=ticket, code=app.recovery_codes[0])
        assert (answer.status, answer.code) == (400, "sign-in-expired")
