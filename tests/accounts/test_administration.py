"""What administrators do leaves an entry with who, what and when, before it is done."""

import pytest

from gatepass.errors import StoreUnavailable, Unprocessable
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, GateHarness, open_gate

BY = "carl@example.com"


async def trail(at: GateHarness) -> list[tuple[str, str]]:
    """Action and target of each entry, oldest first."""
    return [(entry.action, entry.target) for entry in reversed(await at.gate.administration.entries())]


async def test_every_act_is_in_the_trail_with_who_did_it_and_when() -> None:
    async with open_gate() as at:
        admin = at.gate.administration
        account = await admin.add_account(" Ann@example.com", PASSWORD, by=BY)
        ann = Browser(at.gate.asgi)
        await ann.login()
        sid = bytes.fromhex(ann.sid)
        assert await admin.verify_address("ann@example.com", by=BY)
        assert await admin.end_session(sid, by=BY)
        assert await admin.end_sessions(account.id, by=BY) == 0
        assert await admin.disable_account(account.id, by=BY)
        assert await admin.enable_account(account.id, by=BY)
        assert await admin.delete_account(account.id, by=BY)
        made = await admin.rotate_key(by=BY)
        await admin.retire_key(made.kid, by=BY)
        assert await trail(at) == [
            ("account-added", account.id),
            ("account-verified", account.id),
            ("session-ended", sid.hex()),
            ("sessions-ended", account.id),
            ("account-disabled", account.id),
            ("account-enabled", account.id),
            ("account-deleted", account.id),
            ("key-made", ""),
            ("key-retired", made.kid),
        ]
        entries = await admin.entries()
        assert {(entry.actor, entry.at) for entry in entries} == {(BY, NOW)}
        assert not [entry for entry in entries if "ann" in f"{entry.target}{entry.detail}".lower()], "no personal data"


async def test_an_application_sees_the_events_of_its_own_administration() -> None:
    async with open_gate() as at:
        account = await at.gate.administration.add_account(EMAIL, PASSWORD, by=BY)
        await at.gate.administration.disable_account(account.id, by=BY)
        assert [event.name for event in at.events] == ["user_created", "user_disabled"]


async def test_without_a_trail_nothing_is_done() -> None:
    async with open_gate() as at:
        account = await at.gate.administration.add_account(EMAIL, PASSWORD, by=BY)

        async def fail(verb: str) -> None:
            if verb == "add_audit":
                raise StoreUnavailable

        at.store.before = fail
        with pytest.raises(StoreUnavailable):
            await at.gate.administration.delete_account(account.id, by=BY)
        at.store.before = None
        assert await at.gate.accounts.find(account.id) == account


@pytest.mark.parametrize("by", ["", "  ", "two\nlines", "x" * 129, "\x1b[2J"])
async def test_who_acts_must_be_named_in_one_line(by: str) -> None:
    async with open_gate() as at:
        with pytest.raises(ValueError, match="must name who acts"):
            await at.gate.administration.disable_account("a" * 32, by=by)
        assert await trail(at) == []


async def test_what_cannot_be_an_account_is_not_in_the_trail() -> None:
    async with open_gate() as at:
        with pytest.raises(Unprocessable):
            await at.gate.administration.add_account("no address", PASSWORD, by=BY)
        assert await trail(at) == []


async def test_what_owners_do_to_their_own_accounts_is_no_administration() -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.send("POST", "/logout-all", headers=[ann.bearer])
        await ann.login()
        await ann.send("DELETE", "/account", headers=[ann.bearer], body={"password": PASSWORD})
        assert await trail(at) == []
