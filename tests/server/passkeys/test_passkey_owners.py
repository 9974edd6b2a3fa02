"""An owner's list of passkeys, the verbs for applications, and an account that a stranger made."""

from gatepass.accounts.identities import Identity
from gatepass.core.hook_facts import HookFacts
from gatepass.errors import Refused
from gatepass.factors.options import Passkeys
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.sessions.service import Caller
from gatepass.testing.soft_token import SoftToken
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, post
from tests.support.passkeys import OPTIONS, POLICY, add, ann_of, enter, principal_of, reasons, remove, with_passkey

GOOGLE = Identity("google", "https://accounts.google.example", "110", EMAIL, email_verified=True)


class TestTheOwnersList:
    async def test_a_passkey_has_the_name_that_its_owner_gives(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        path = f"/passkeys/{listed['id']}"
        named = await ann.send("PATCH", path, body={"name": "Büro ✓"}, headers=[ann.bearer])
        assert named.status == 204
        assert (await ann.get("/passkeys")).json()["passkeys"][0]["name"] == "Büro ✓"
        for name in ("", "x" * 65, "two\nlines", 7):
            refused = await ann.send("PATCH", path, body={"name": name}, headers=[ann.bearer])
            assert refused.code == "invalid-body"

    async def test_those_of_another_account_are_not_found(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        bob = await ann_of(at, "bob@example.com")
        for passkey_id in (listed["id"], "0" * 32, "x", "%00"):
            assert await remove(bob, passkey_id) == (404, "not-found")
            named = await bob.send("PATCH", f"/passkeys/{passkey_id}", body={"name": "mine"}, headers=[bob.bearer])
            assert named.code == "not-found"
        assert (await ann.get("/passkeys")).json()["passkeys"] == [listed]

    async def test_the_last_way_in_stays(self, at: GateHarness) -> None:
        account = await at.gate.identities.account_for(GOOGLE)
        grant = await at.gate.sessions.sign_in(account, caller=Caller("", "192.0.2.0/24"), remember=True)
        assert grant is not None
        ann, token = Browser(at.gate.asgi), SoftToken()
        ann.access_token = grant.access_token or ""
        assert (await add(ann, token)).status == 201
        assert (await enter(ann, token)).status == 200
        (identity,) = (await ann.get("/identities")).json()["identities"]
        unlinked = await ann.send("DELETE", f"/identities/{identity['id']}", headers=[ann.bearer])
        assert unlinked.status == 204, "the passkey is a way in"
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert await remove(ann, listed["id"]) == (409, "last-way-in")
        assert (await add(ann, SoftToken())).status == 201
        assert await remove(ann, listed["id"]) == (204, None)

    async def test_removing_one_needs_a_recent_sign_in_and_naming_one_does_not(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        at.clock.advance(WAYS_IN_MAX_AGE + 1)
        assert (await ann.refresh()).status == 200
        assert await remove(ann, listed["id"]) == (401, "insufficient-user-authentication")
        path = f"/passkeys/{listed['id']}"
        assert (await ann.send("PATCH", path, body={"name": "n"}, headers=[ann.bearer])).status == 204
        assert len(at.named("user_factor_remove")) == 0


class TestTheApplication:
    async def test_its_hook_sees_the_methods_and_may_refuse(self, at: GateHarness) -> None:
        token, seen = SoftToken(), list[tuple[str, ...]]()
        await with_passkey(at, token)

        @at.gate.before("sign_in")
        def no_keys(facts: HookFacts[None]) -> None:
            seen.append(facts.methods)
            if "hwk" in facts.methods:
                raise Refused("no-keys", "Not today.")

        answer = await enter(Browser(at.gate.asgi), token)
        assert (answer.status, answer.code) == (403, "app:no-keys")
        assert seen == [("hwk", "user", "mfa")]

    async def test_it_lists_and_removes_them_from_any_code(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        account_id = principal_of(at, ann).account_id
        (passkey,) = await at.gate.passkeys.list_for_account(account_id)
        await at.gate.passkeys.rename(account_id, passkey.id, name="from the shop")
        await at.gate.passkeys.remove(account_id, passkey.id)
        assert list(await at.gate.passkeys.list_for_account(account_id)) == []

    async def test_its_hook_may_refuse_a_new_passkey_and_a_removal(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        seen: list[tuple[str, str | None]] = []

        @at.gate.before("add_factor")
        @at.gate.before("remove_factor")
        def frozen(facts: HookFacts[None]) -> None:
            seen.append((facts.kind, facts.factor))
            raise Refused("frozen", "Ask the help desk.")

        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert (await add(ann, SoftToken())).code == "app:frozen"
        assert await remove(ann, listed["id"]) == (403, "app:frozen")
        assert seen == [("add_factor", "passkey"), ("remove_factor", "passkey")]
        assert (await ann.get("/passkeys")).json()["passkeys"] == [listed]

    async def test_a_gate_without_an_rp_id_has_no_passkeys_and_still_removes_them(self) -> None:
        async with open_gate(policy=POLICY) as at:
            ann = await ann_of(at)
            for path in ("/passkeys/options", "/login/passkey/options"):
                assert (await ann.ask(path)).code == "not-found"
            assert not at.gate.passkeys.is_offered
            assert list(await at.gate.passkeys.list_for_account("ann")) == []
            assert "/passkeys" not in at.gate.describe()["paths"]

    async def test_a_page_that_cannot_use_them_is_told_so(self) -> None:
        local = open_gate(passkeys=Passkeys(rp_id="localhost"), policy=POLICY, public_url="http://localhost:8000")
        async with local as at:
            names = ("gatepass_8000", "gatepass_8000_state")
            for origin, status in (("http://localhost:8000", 200), ("http://127.0.0.1:8000", 403)):
                browser = Browser(at.gate.asgi, origin=origin, names=names)
                answer = await browser.ask("/login/passkey/options")
                assert answer.status == status
            assert answer.code == "not-offered"
            assert "http://localhost:8000" in answer.json()["detail"]


class TestAStrangersAccount:
    async def test_a_passkey_planted_under_anothers_address_goes_when_its_owner_comes_by_mail(self) -> None:
        async with post(policy=POLICY, passkeys=OPTIONS) as mail:
            planted = SoftToken()
            stranger: Post = mail
            await with_passkey(stranger.at, planted)
            await mail.ask("/password/forgot", {"email": EMAIL})
            assert (
                await mail.ask("/password/reset", {"token": await mail.token(), "new": PASSWORD + "!"})
            ).status == 204
            assert (await enter(mail.browser(), planted)).code == "unknown-credential"

    async def test_the_owner_gets_mail_about_each_that_is_added_or_removed(self) -> None:
        async with post(passkeys=OPTIONS) as mail:
            token, ann = SoftToken(), await mail.verified()
            before = len(await mail.mails())
            assert (await add(ann, token)).status == 201
            assert (await enter(ann, token)).status == 200
            (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
            assert await remove(ann, listed["id"]) == (204, None)
            sent = [each for each in (await mail.mails())[before:] if "passkey" in each.text.lower()]
            assert [each.to for each in sent] == [EMAIL, EMAIL]

    async def test_the_owner_is_told_once_an_hour_of_one_that_was_refused_as_a_copy(self) -> None:
        for security_mail, letters in ((True, 1), (False, 0)):
            async with post(passkeys=OPTIONS, security_mail=security_mail) as mail:
                token, ann = SoftToken(), await mail.verified()
                assert (await add(ann, token)).status == 201
                clone = token.copied()
                assert (await enter(mail.browser(), token)).status == 200
                for _ in range(2):
                    clone.credentials[0].sign_count = 0
                    assert (await enter(mail.browser(), clone)).code == "passkey-refused"
                assert reasons(mail.at) == ["copy", "copy"]
                told = [to for to, subject in await mail.subjects() if "may have been copied" in subject]
                assert told == [EMAIL] * letters

    async def test_of_a_verified_address_it_stays(self) -> None:
        async with post(passkeys=OPTIONS) as mail:
            token, ann = SoftToken(), await mail.verified()
            assert (await add(ann, token)).status == 201
            await mail.ask("/password/forgot", {"email": EMAIL})
            assert (
                await mail.ask("/password/reset", {"token": await mail.token(), "new": PASSWORD + "!"})
            ).status == 204
            assert (await enter(mail.browser(), token)).status == 200
