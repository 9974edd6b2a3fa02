"""The owner of an account links identities of providers to it and unlinks them, and is told."""

from dataclasses import replace

import pytest

from gatepass.accounts.identities import MAX_IDENTITIES
from gatepass.core.event import Event
from gatepass.core.hook_facts import RequestFacts
from gatepass.errors import Conflict, NotFound
from tests.accounts.identities.providers import CALLER, GOOGLE, code_of, links, local, sign_in
from tests.support.browser import EMAIL
from tests.support.mail import Post


class TestLinking:
    async def test_the_owner_links_any_identity_and_is_told(self, open_at: Post) -> None:
        account = await local(open_at, verified=False)
        other = replace(GOOGLE, email="ann@work.example")
        linked = await open_at.at.gate.identities.link(account.id, other)
        assert list(await open_at.at.gate.identities.list_for_account(account.id)) == [linked]
        assert (await open_at.at.gate.identities.account_for(other)).id == account.id
        assert links(open_at) == ["session"]
        (mail,) = await open_at.mails()
        assert (mail.to, "google" in mail.text, "work.example" in mail.text) == (EMAIL, True, False)

    async def test_linking_again_changes_nothing(self, at: Post) -> None:
        account = await local(at, verified=True)
        first = await at.at.gate.identities.link(account.id, GOOGLE)
        assert await at.at.gate.identities.link(account.id, GOOGLE) == first
        assert links(at) == ["session"]

    async def test_an_identity_of_another_account_is_not_moved(self, at: Post) -> None:
        ann, bob = await local(at, verified=True), await local(at, verified=True, email="bob@example.com")
        await at.at.gate.identities.link(ann.id, GOOGLE)
        with pytest.raises(Conflict) as taken:
            await at.at.gate.identities.link(bob.id, GOOGLE)
        assert taken.value.code == "identity-taken"
        assert (await at.at.gate.identities.account_for(GOOGLE)).id == ann.id

    async def test_an_account_that_changes_meanwhile_gets_none(self, at: Post) -> None:
        account = await local(at, verified=True)

        async def disable(verb: str) -> None:
            if verb == "add_identity":
                at.at.store.before = None
                await at.at.gate.accounts.disable(account.id)

        at.at.store.before = disable
        with pytest.raises(Conflict) as changed:
            await at.at.gate.identities.link(account.id, GOOGLE)
        assert changed.value.code == "password-changed"
        with pytest.raises(NotFound):
            await at.at.gate.identities.link("nobody", GOOGLE)

    async def test_the_identities_of_an_account_are_bounded(self, at: Post) -> None:
        account = await local(at, verified=True)
        for number in range(MAX_IDENTITIES):
            await at.at.gate.identities.link(account.id, replace(GOOGLE, subject=f"{number}"))
        with pytest.raises(Conflict) as full:
            await at.at.gate.identities.link(account.id, GOOGLE)
        assert full.value.code == await code_of(at, GOOGLE) == "too-many-identities"


class TestUnlinking:
    async def test_the_last_way_in_stays(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        (only,) = await at.at.gate.identities.list_for_account(account.id)
        with pytest.raises(Conflict) as refused:
            await at.at.gate.identities.unlink(account.id, only.id)
        assert refused.value.code == "last-way-in"
        second = await at.at.gate.identities.link(account.id, replace(GOOGLE, subject="2"))
        await at.at.gate.identities.unlink(account.id, only.id)
        assert list(await at.at.gate.identities.list_for_account(account.id)) == [second]
        assert (await at.subjects())[-1] == (EMAIL, "Your account at gate.example has one way in less")
        assert len(at.at.named("user_identity_unlink")) == 1

    async def test_an_administrator_may_take_the_last_one(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        (only,) = await at.at.gate.identities.list_for_account(account.id)
        await at.at.gate.administration.unlink_identity(account.id, only.id, by="root", is_last_allowed=True)
        (entry,) = await at.at.gate.administration.entries()
        assert (entry.action, entry.target, entry.detail) == ("identity-unlinked", account.id, only.id)
        assert list(await at.at.gate.identities.list_for_account(account.id)) == []

    async def test_the_identity_of_another_account_is_not_found(self, at: Post) -> None:
        ann, bob = await local(at, verified=True), await local(at, verified=True, email="bob@example.com")
        linked = await at.at.gate.identities.link(ann.id, GOOGLE)
        for account_id, identity_id in ((bob.id, linked.id), (ann.id, "0" * 32)):
            with pytest.raises(NotFound):
                await at.at.gate.identities.unlink(account_id, identity_id)

    async def test_sessions_that_began_with_it_end_and_the_others_do_not(self, at: Post) -> None:
        account = await local(at, verified=True)
        linked = await at.at.gate.identities.link(account.id, GOOGLE)
        phone, here = await sign_in(at, account, GOOGLE), await sign_in(at, account, GOOGLE)
        password = await at.at.gate.sessions.sign_in(account, caller=CALLER, remember=True)
        assert password is not None
        await at.at.gate.identities.unlink(account.id, linked.id, keep=here.session.sid)
        live = {session.sid for session in await at.at.gate.sessions.list_for_account(account.id)}
        assert live == {here.session.sid, password.session.sid}
        assert at.at.gate.revocations.is_revoked(phone.session.sid.hex())

    async def test_a_sign_in_that_is_under_way_with_it_is_refused(self, at: Post) -> None:
        account = await local(at, verified=True)
        linked = await at.at.gate.identities.link(account.id, GOOGLE)
        read = await at.at.gate.identities.account_for(GOOGLE)
        await at.at.gate.identities.unlink(account.id, linked.id)
        assert await sign_in(at, read, GOOGLE) is None


async def test_events_of_identities_hold_no_subject_and_no_address(at: Post) -> None:
    account = await at.at.gate.identities.account_for(GOOGLE, request=RequestFacts(network="192.0.2.0/24"))
    await at.at.gate.identities.link(account.id, replace(GOOGLE, subject="2"), ip_prefix="192.0.2.0/24")
    told: list[Event] = at.at.named("user_identity_link")
    assert {event.address for event in told} == {"192.0.2.0/24"}
    assert EMAIL not in repr(told)
    assert GOOGLE.subject not in repr(told)
    assert EMAIL not in repr(await at.at.gate.identities.list_for_account(account.id))
