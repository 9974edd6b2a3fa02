"""The hooks after a registration, a change of the address or a deletion: what they are told, when, and again."""

from typing import Any, cast

from pydantic import BaseModel

from gatepass import HookFacts, RequestFacts, StoreUnavailable
from gatepass.accounts.changes import FIRST_DELAY, HEAD_START, RETENTION
from gatepass.accounts.external import AuthenticatedUser
from gatepass.accounts.importing import import_accounts
from gatepass.core.policy import Policy
from tests.accounts.profiles import Profiles, look_again
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, Postbox


class SignUp(BaseModel):
    company: str


def left(at: GateHarness) -> int:
    """Entries in the journal."""
    return len(at.memory._changes)


async def test_the_row_is_there_when_the_registration_is_answered_and_gone_with_the_account(at: GateHarness) -> None:
    profiles = Profiles(at.gate)
    browser = Browser(at.gate.asgi)
    account_id = (await browser.register()).json()["account"]["id"]
    assert profiles.rows == {account_id: EMAIL}
    assert (await browser.ask("/account/delete", password=PASSWORD)).status == 204
    assert profiles.rows == {}
    assert profiles.heard == [("register", EMAIL), ("delete", "")]
    assert left(at) == 0


async def test_the_hook_sees_the_account_that_was_made(at: GateHarness) -> None:
    found = []

    @at.gate.after("register")
    async def look(facts: HookFacts[None]) -> None:
        found.append(await at.gate.accounts.find(facts.account_id or ""))
        assert facts.account is not None
        assert (facts.account.email, facts.account.email_verified) == (EMAIL, False)

    await Browser(at.gate.asgi).register()
    assert found[0] is not None


async def test_with_verified_addresses_it_is_told_with_the_account_and_keeps_what_the_form_brought() -> None:
    box, told = Postbox(), []
    async with open_gate(policy=Policy(registration="verify"), mail=box) as at:

        @at.gate.after("register", extra=SignUp)
        async def keep(facts: HookFacts[SignUp]) -> None:
            told.append(facts.extra)

        post, browser = Post(at, box), Browser(at.gate.asgi)
        assert (await browser.register(company="Acme")).status == 202
        token = await post.token()
        assert told == []
        assert (await browser.enter("/verify", token=token, password=PASSWORD)).status == 201
        assert told == [SignUp(company="Acme")]
        assert left(at) == 0


async def test_a_change_of_the_address_is_told_with_the_new_one() -> None:
    box = Postbox()
    async with open_gate(mail=box) as at:
        profiles, post, browser = Profiles(at.gate), Post(at, box), Browser(at.gate.asgi)
        await browser.register()
        await browser.ask("/email", email="new@example.com", password=PASSWORD)
        assert (await browser.enter("/email/confirm", token=await post.token())).status == 200
        assert list(profiles.rows.values()) == ["new@example.com"]


async def test_every_way_of_making_and_deleting_an_account_is_told(at: GateHarness) -> None:
    profiles, administration = Profiles(at.gate), at.gate.administration
    made = await administration.add_account(EMAIL, PASSWORD, by="root")
    assert profiles.rows == {made.id: EMAIL}
    await administration.delete_account(made.id, by="root")
    assert profiles.rows == {}
    records: list[tuple[int, object]] = [(1, '{"email": "bob@example.com"}')]
    async for refusal in import_accounts(
        records, store=at.gate.store, clock=at.clock, entropy=at.gate._parts.options.entropy
    ):
        assert refusal is None
    await look_again(at)
    assert list(profiles.rows.values()) == ["bob@example.com"]


async def test_users_of_another_system_are_told_at_their_first_sign_in() -> None:
    class Users:
        def authenticate(self, email: str, _password: str, _request: RequestFacts) -> AuthenticatedUser | None:
            return AuthenticatedUser("42", email)

        def find(self, user_id: str) -> AuthenticatedUser | None:
            return AuthenticatedUser("42", EMAIL) if user_id == "42" else None

    async with open_gate(users=Users()) as at:
        profiles = Profiles(at.gate)
        for _ in range(2):
            assert (await Browser(at.gate.asgi).login()).status == 200
        assert profiles.heard == [("register", EMAIL)]


async def test_a_hook_that_fails_changes_no_answer_and_is_called_again_later_and_later(at: GateHarness) -> None:
    profiles, deliver = Profiles(at.gate), at.gate._parts.changes.deliver_left
    profiles.fault = RuntimeError("no such table")
    assert (await Browser(at.gate.asgi).register()).status == 201
    assert len(profiles.heard) == 1
    assert len(at.named("sys_hook_failed")) == 1
    await deliver()
    at.clock.advance(HEAD_START)
    for tries in range(2, 5):
        await deliver()
        assert len(profiles.heard) == tries, "it is due"
        await deliver()
        assert len(profiles.heard) == tries, "and not before"
        at.clock.advance(FIRST_DELAY * 2 ** (tries - 1))
    profiles.fault = None
    assert await deliver() == 1
    assert list(profiles.rows.values()) == [EMAIL]
    assert left(at) == 0


async def test_what_comes_later_waits_for_what_failed(at: GateHarness) -> None:
    profiles, browser = Profiles(at.gate), Browser(at.gate.asgi)
    profiles.fault = RuntimeError("not now")
    await browser.register()
    assert (await browser.ask("/account/delete", password=PASSWORD)).status == 204
    assert profiles.heard == [("register", EMAIL)], "the deletion waits: its row may still be made"
    profiles.fault = None
    await look_again(at)
    assert profiles.heard == [("register", EMAIL), ("delete", "")], "of a deleted account no row is made any more"
    assert profiles.rows == {}


async def test_a_hook_may_delete_the_account_that_it_is_told_of(at: GateHarness) -> None:
    heard = []

    @at.gate.after("register")
    def throw_out(facts: HookFacts[None]) -> None:
        heard.append(facts.kind)
        assert at.gate.sync.administration.delete_account(facts.account_id or "", by="a rule")

    @at.gate.after("delete")
    async def drop(facts: HookFacts[None]) -> None:
        heard.append(facts.kind)

    assert (await Browser(at.gate.asgi).register()).code == "invalid-credentials"
    assert heard == ["register", "delete"]
    assert left(at) == 0


async def test_one_account_whose_hook_fails_holds_up_no_other(at: GateHarness) -> None:
    kept = []

    @at.gate.after("register")
    async def keep(facts: HookFacts[None]) -> None:
        if facts.email.startswith("bad"):
            raise RuntimeError
        kept.append(facts.email)

    for email in ("bad@example.com", "good@example.com"):
        assert (await Browser(at.gate.asgi).register(email)).status == 201
    assert kept == ["good@example.com"]


async def test_a_store_that_fails_after_the_account_was_made_changes_no_answer(at: GateHarness) -> None:
    profiles = Profiles(at.gate)

    async def ill(verb: str) -> None:
        if verb == "take_change":
            raise StoreUnavailable

    at.store.before = ill
    assert (await Browser(at.gate.asgi).register()).status == 201
    at.store.before = None
    assert profiles.rows == {}
    await look_again(at)
    assert list(profiles.rows.values()) == [EMAIL]


async def test_what_no_application_asks_for_is_forgotten_after_a_month(at: GateHarness) -> None:
    await Browser(at.gate.asgi).register()
    assert left(at) == 1
    janitor = cast(Any, at.gate._parts.janitor)
    await janitor.sweep()
    at.clock.advance(RETENTION)
    await janitor.sweep()
    assert left(at) == 1
    at.clock.advance(1)
    await janitor.sweep()
    assert left(at) == 0


async def test_a_test_delivers_what_a_hook_missed_when_it_is_due(at: GateHarness) -> None:
    profiles = Profiles(at.gate)
    profiles.fault = RuntimeError("the table is locked")
    account_id = (await Browser(at.gate.asgi).register()).json()["account"]["id"]
    profiles.fault = None
    assert await at.gate.accounts.deliver_changes() == 0, "not due yet"
    at.clock.advance(HEAD_START)
    assert await at.gate.accounts.deliver_changes() == 1
    assert profiles.rows == {account_id: EMAIL}
    assert await at.gate.accounts.deliver_changes() == 0


async def test_without_a_hook_nothing_is_delivered_and_the_journal_stays(at: GateHarness) -> None:
    await Browser(at.gate.asgi).register()
    at.clock.advance(HEAD_START)
    assert await at.gate.accounts.deliver_changes() == 0
    assert left(at) == 1


def test_sync_code_delivers_as_well() -> None:
    at = GateHarness()
    Profiles(at.gate)
    try:
        assert at.gate.sync.accounts.deliver_changes() == 0
    finally:
        at.gate.sync.close()
