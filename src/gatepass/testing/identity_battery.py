"""The contract of IdentityStore: identities at providers, and the sessions that began there."""

import asyncio
from dataclasses import replace

from gatepass.core.account import NO_PASSWORD
from gatepass.core.policy import DAY
from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, identity_of, provider_session_of, session_of, signed_in

ISSUER = "https://google.example"


class IdentityBattery:
    """Each identity has one account, and no account loses its last way in unasked."""

    async def test_an_identity_is_found_by_issuer_and_subject_and_listed_with_its_account(self, store: Store) -> None:
        ann, bob = account_of(), account_of("bob")
        for account in (ann, bob):
            await store.add_account(account)
        first, second = identity_of(ann), identity_of(ann, "corp", created_at=NOW + 1)
        for identity in (second, first, identity_of(bob)):
            assert await store.add_identity(identity, credential_version=1)
        assert list(await store.list_identities(ann.id)) == [first, second]
        used = await store.use_identity(first.issuer, first.subject, provider="g", email="a@new.example", now=NOW + 9)
        assert used == replace(first, provider="g", email="a@new.example", last_used_at=NOW + 9)
        assert list(await store.list_identities(ann.id)) == [used, second]
        assert await store.use_identity(first.issuer, first.subject.upper(), provider="g", email="", now=NOW) is None
        assert await store.use_identity("https://eve.example", first.subject, provider="g", email="", now=NOW) is None
        assert list(await store.list_identities("nobody")) == []

    async def test_an_identity_belongs_to_one_account(self, store: Store) -> None:
        ann, eve = account_of(), account_of("eve")
        for account in (ann, eve):
            await store.add_account(account)
        mine = identity_of(ann)
        assert await store.add_identity(mine, credential_version=1)
        assert not await store.add_identity(identity_of(eve, subject=mine.subject), credential_version=1)
        assert not await store.add_identity(identity_of(eve, id=mine.id), credential_version=1)
        assert list(await store.list_identities(eve.id)) == []

    async def test_of_many_that_add_one_identity_at_once_one_wins(self, store: Store) -> None:
        accounts = [account_of(f"{number}") for number in range(8)]
        for account in accounts:
            await store.add_account(account)
        added = await asyncio.gather(
            *(store.add_identity(identity_of(each, subject="one"), credential_version=1) for each in accounts)
        )
        assert sum(added) == 1

    async def test_an_identity_is_only_added_to_the_account_that_was_read(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        assert not await store.add_identity(identity_of(ann), credential_version=2)
        await store.disable_account(ann.id, now=NOW)
        assert not await store.add_identity(identity_of(ann), credential_version=2)
        assert not await store.add_identity(identity_of(account_of("nobody")), credential_version=1)
        assert list(await store.list_identities(ann.id)) == []

    async def test_an_account_and_its_identity_are_added_together_or_not_at_all(self, store: Store) -> None:
        ann = account_of(password_hash=NO_PASSWORD, verified_at=NOW)
        assert await store.add_account_of(ann, identity_of(ann))
        assert await store.find_account(ann.id) == ann
        assert list(await store.list_identities(ann.id)) == [identity_of(ann)]
        bob, other = account_of("bob"), account_of("other", email_key=ann.email_key)
        taken = identity_of(ann)
        assert not await store.add_account_of(bob, replace(identity_of(bob), subject=taken.subject))
        assert await store.find_account(bob.id) is None
        assert not await store.add_account_of(other, identity_of(other))
        assert list(await store.list_identities(other.id)) == []
        assert await store.add_account(bob), "its address was not taken"

    async def test_the_last_way_in_is_kept_where_that_is_asked(self, store: Store) -> None:
        ann = account_of(password_hash=NO_PASSWORD)
        one, two = identity_of(ann), identity_of(ann, "corp")
        await store.add_account_of(ann, one)
        await store.add_identity(two, credential_version=1)
        assert await store.remove_identity(one.id, account_id=account_of("eve").id, needs_another=True) is None
        assert await store.remove_identity(one.id, account_id=ann.id, needs_another=True) is True
        assert await store.remove_identity(one.id, account_id=ann.id, needs_another=True) is None
        assert await store.remove_identity(two.id, account_id=ann.id, needs_another=True) is False
        assert list(await store.list_identities(ann.id)) == [two]
        account = await store.find_account(ann.id)
        assert account is not None
        assert account.credential_version == 2, "a sign-in that is under way is void, and one that was refused is not"
        assert await store.remove_identity(two.id, account_id=ann.id, needs_another=False) is True
        assert list(await store.list_identities(ann.id)) == []

    async def test_a_password_is_another_way_in(self, store: Store) -> None:
        ann = account_of()
        await store.add_account_of(ann, identity_of(ann))
        session = session_of(ann)
        await store.add(session, credential_version=1)
        assert await store.remove_identity(identity_of(ann).id, account_id=ann.id, needs_another=True) is True
        assert await store.find(session.sid) == session, "its sessions stay"
        assert not await store.add(session_of(ann, "phone"), credential_version=1)

    async def test_of_two_removals_at_once_one_leaves_a_way_in(self, store: Store) -> None:
        ann = account_of(password_hash=NO_PASSWORD)
        one, two = identity_of(ann), identity_of(ann, "corp")
        await store.add_account_of(ann, one)
        await store.add_identity(two, credential_version=1)
        removed = await asyncio.gather(
            *(store.remove_identity(each.id, account_id=ann.id, needs_another=True) for each in (one, two))
        )
        assert sorted(map(bool, removed)) == [False, True]
        assert len(await store.list_identities(ann.id)) == 1

    async def test_a_password_change_drops_the_identities_where_that_is_asked(self, store: Store) -> None:
        ann = account_of()
        await store.add_account_of(ann, identity_of(ann))
        change = {"password_hash": "new", "now": NOW, "keep": None}
        await store.change_password(ann.id, credential_version=1, **change)  # type: ignore[arg-type]
        assert len(await store.list_identities(ann.id)) == 1
        await store.change_password(ann.id, credential_version=1, drop_others=True, **change)  # type: ignore[arg-type]
        assert len(await store.list_identities(ann.id)) == 1, "the version was not that of the account"
        await store.change_password(ann.id, credential_version=2, drop_others=True, **change)  # type: ignore[arg-type]
        assert list(await store.list_identities(ann.id)) == []

    async def test_the_identities_of_a_deleted_account_are_gone_and_free(self, store: Store) -> None:
        session = await signed_in(store)
        ann = account_of()
        mine = identity_of(ann)
        await store.add_identity(mine, credential_version=1)
        await store.add_provider_session(provider_session_of(session))
        await store.delete_account(ann.id, now=NOW + 1)
        assert list(await store.list_identities(ann.id)) == []
        assert await store.find_provider_session(session.sid) is None
        assert await store.use_identity(mine.issuer, mine.subject, provider="g", email="", now=NOW) is None
        bob = account_of("bob")
        assert await store.add_account_of(bob, identity_of(bob, subject=mine.subject))

    async def test_where_a_session_began_is_found_and_pruned_after_its_end(self, store: Store) -> None:
        session = await signed_in(store)
        began = provider_session_of(session)
        await store.add_provider_session(began)
        assert await store.find_provider_session(session.sid) == began
        stranger = provider_session_of(session_of(account_of("nobody")))
        await store.add_provider_session(stranger)
        assert await store.find_provider_session(stranger.sid) is None, "there is no such account"
        assert await store.prune_provider_sessions(before=began.expires_at, limit=9) == 0
        assert await store.prune_provider_sessions(before=began.expires_at + 1, limit=9) == 1
        assert await store.find_provider_session(session.sid) is None

    async def test_a_provider_ends_the_session_of_a_sid_or_all_of_a_subject(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        sessions = {name: session_of(account, name) for name in ("one", "two", "no sid", "other subject", "elsewhere")}
        facts: dict[str, dict[str, object]] = {
            "one": {"provider_sid": "1"},
            "two": {"provider_sid": "2"},
            "no sid": {"provider_sid": None},
            "other subject": {"subject": "other", "provider_sid": "1"},
            "elsewhere": {"issuer": "https://corp.example", "provider_sid": "1"},
        }
        for name, session in sessions.items():
            await store.add_provider_session(provider_session_of(session, **facts[name]))
        subject = provider_session_of(sessions["one"]).subject

        async def ended(*, subject: str | None, sid: str | None) -> set[str]:
            sids = await store.end_provider_sessions(
                ISSUER, subject=subject, provider_sid=sid, issued_by=NOW, now=NOW + 1
            )
            return {name for name, session in sessions.items() if session.sid in sids}

        assert await ended(subject=None, sid="3") == set()
        assert await ended(subject=None, sid="1") == {"one", "other subject"}
        assert await ended(subject=subject, sid="1") == {"one", "no sid"}
        assert await ended(subject=subject, sid=None) == {"one", "two", "no sid"}
        row = await store.find_provider_session(sessions["two"].sid)
        assert row is not None
        assert row.ended_at == NOW + 1
        elsewhere = await store.find_provider_session(sessions["elsewhere"].sid)
        assert elsewhere is not None
        assert elsewhere.ended_at is None

    async def test_what_began_after_the_end_at_the_provider_is_not_ended_and_an_end_stays(self, store: Store) -> None:
        session = await signed_in(store)
        await store.add_provider_session(provider_session_of(session, issued_at=NOW + 1))
        subject = provider_session_of(session).subject

        async def end(issued_by: int, now: int) -> list[bytes]:
            sids = store.end_provider_sessions(ISSUER, subject=subject, provider_sid=None, issued_by=issued_by, now=now)
            return list(await sids)

        assert await end(NOW, NOW) == []
        assert await end(NOW + 1, NOW + 5) == [session.sid]
        assert await end(NOW + 1, NOW + DAY) == [session.sid], "told again: the first call may have crashed"
        row = await store.find_provider_session(session.sid)
        assert row is not None
        assert row.ended_at == NOW + 5
