"""Which account an identity of a provider signs in to: found, linked, made, or refused."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatepass.core.hook_facts import RequestFacts
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.errors import InvalidCredentials, StoreUnavailable, Unavailable
from tests.accounts.identities.providers import GOOGLE, code_of, links, local, sign_in
from tests.support.browser import EMAIL, PASSWORD
from tests.support.mail import Post, post

EVE = replace(GOOGLE, subject="666", email_verified=False)


class TestTheAccount:
    async def test_a_new_address_gets_an_account_without_a_password(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        assert (account.email, account.has_password, account.verified_at) == (EMAIL, False, at.at.clock.now())
        assert links(at) == ["registration"]
        assert len(at.at.named("user_created")) == len(at.at.named("user_verified")) == 1
        assert await at.mails() == [], "its owner knows"
        assert await at.at.gate.identities.account_for(GOOGLE) == account
        assert len(at.at.named("user_created")) == 1

    async def test_an_identity_keeps_its_account_whatever_address_it_says_later(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        await local(at, verified=True, email="bob@example.com")
        for email, is_verified in (("bob@example.com", True), ("bob@example.com", False), ("", False), ("?", True)):
            later = replace(GOOGLE, email=email, email_verified=is_verified)
            assert await at.at.gate.identities.account_for(later) == account
        (listed,) = await at.at.gate.identities.list_for_account(account.id)
        assert (listed.provider, listed.email) == ("google", "")

    async def test_the_same_subject_of_another_issuer_is_another_person(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        other = replace(GOOGLE, issuer="https://login.corp.example", email="bob@example.com")
        assert (await at.at.gate.identities.account_for(other)).id != account.id

    async def test_two_verified_addresses_are_one_owner_who_is_told(self, at: Post) -> None:
        account = await local(at, verified=True)
        assert await at.at.gate.identities.account_for(GOOGLE) == account
        assert links(at) == ["address"]
        assert [subject for _, subject in await at.subjects()] == ["Your account at gate.example has another way in"]
        assert (await at.browser().login()).status == 200, "the password still opens it"

    async def test_the_address_may_be_written_in_another_way(self, at: Post) -> None:
        account = await local(at, verified=True)
        shouted = replace(GOOGLE, email=f" {EMAIL.upper()} ")
        assert (await at.at.gate.identities.account_for(shouted)).id == account.id

    async def test_a_planted_account_never_gets_the_identity_of_the_owner(self, open_at: Post) -> None:
        planted = await local(open_at, verified=False)
        assert await code_of(open_at, GOOGLE) == "link-required"
        assert list(await open_at.at.gate.identities.list_for_account(planted.id)) == []

    async def test_an_unverified_claim_gets_no_account_of_others(self, open_at: Post) -> None:
        account = await local(open_at, verified=True)
        assert await code_of(open_at, EVE) == "link-required"
        assert list(await open_at.at.gate.identities.list_for_account(account.id)) == []
        assert len(open_at.at.named("authn_login_fail")) == 1

    async def test_where_addresses_are_verified_an_unverified_claim_learns_nothing(self, at: Post) -> None:
        await local(at, verified=True)
        free = replace(EVE, email="free@example.com")
        assert await code_of(at, EVE) == await code_of(at, free) == "email-unverified"

    async def test_an_open_registration_takes_an_unverified_claim_as_it_takes_any_address(self, open_at: Post) -> None:
        account = await open_at.at.gate.identities.account_for(EVE)
        assert account.verified_at is None
        assert open_at.at.named("user_verified") == []
        assert await code_of(open_at, GOOGLE) == "link-required", "the owner comes later"

    @pytest.mark.parametrize("email", ["", "no address", "a@b@c"])
    async def test_without_an_address_there_is_no_account(self, open_at: Post, email: str) -> None:
        assert await code_of(open_at, replace(GOOGLE, email=email)) == "email-required"

    async def test_a_closed_registration_makes_none_but_links(self) -> None:
        async with post(policy=Policy(registration="closed")) as at:
            assert await code_of(at, GOOGLE) == "registration-closed"
            account = await local(at, verified=True)
            assert (await at.at.gate.identities.account_for(GOOGLE)).id == account.id

    async def test_a_disabled_account_is_refused_linked_or_not(self, at: Post) -> None:
        account = await local(at, verified=True)
        await at.at.gate.accounts.disable(account.id)
        assert await code_of(at, GOOGLE) == "account-disabled"
        assert list(await at.at.gate.identities.list_for_account(account.id)) == []
        await at.at.gate.accounts.enable(account.id)
        await at.at.gate.identities.account_for(GOOGLE)
        await at.at.gate.accounts.disable(account.id)
        assert await code_of(at, GOOGLE) == "account-disabled"

    async def test_of_many_first_sign_ins_at_once_all_get_the_one_account(self, at: Post) -> None:
        accounts = await asyncio.gather(*(at.at.gate.identities.account_for(GOOGLE) for _ in range(8)))
        assert len({account.id for account in accounts}) == 1

    async def test_an_address_that_is_taken_meanwhile_is_looked_up_again(self, at: Post) -> None:
        async def take(verb: str) -> None:
            if verb == "add_account_of":
                at.at.store.before = None
                await local(at, verified=True)

        at.at.store.before = take
        account = await at.at.gate.identities.account_for(GOOGLE)
        assert account.has_password
        assert links(at) == ["address"]

    async def test_races_without_end_are_unavailable(self, at: Post) -> None:
        async def delete(verb: str) -> None:
            if verb == "use_identity":
                at.at.memory._accounts.clear()

        await at.at.gate.identities.account_for(GOOGLE)
        at.at.memory._ids_by_email.clear()
        at.at.store.after = delete
        with pytest.raises(Unavailable):
            await at.at.gate.identities.account_for(GOOGLE)

    async def test_an_account_of_an_authenticator_is_never_matched_by_its_address(self) -> None:
        class Nobody:
            def authenticate(self, email: str, password: str, request: RequestFacts) -> None:
                return None

            def find(self, user_id: str) -> None:
                return None

        async with post(policy=Policy(registration="closed"), users=Nobody()) as at:
            assert await code_of(at, GOOGLE) == "registration-closed"

    @pytest.mark.parametrize("facts", [{"subject": ""}, {"subject": "s" * 256}, {"subject": "a\n"}, {"issuer": ""}])
    def test_what_cannot_be_an_identity_is_none(self, facts: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="one line"):
            replace(GOOGLE, **facts)  # type: ignore[arg-type]


class TestWithoutAPassword:
    async def test_a_password_is_answered_as_a_wrong_one_after_the_same_work(self, at: Post) -> None:
        await at.at.gate.identities.account_for(GOOGLE)
        for email, password in ((EMAIL, "!"), (EMAIL, ""), (EMAIL, PASSWORD), ("nobody@example.com", PASSWORD)):
            before = at.at.hasher.calls
            with pytest.raises(InvalidCredentials):
                await at.at.gate.accounts.authenticate(email, Secret(password), ip_prefix="192.0.2.0/24")
            assert at.at.hasher.calls == before + 1

    async def test_a_mailed_link_sets_one(self, at: Post) -> None:
        account = await at.at.gate.identities.account_for(GOOGLE)
        await at.ask("/password/forgot", {"email": EMAIL})
        assert (await at.ask("/password/reset", {"token": await at.token(), "new": PASSWORD})).status == 204
        assert (await at.browser().login()).status == 200
        assert (await at.at.gate.identities.account_for(GOOGLE)).id == account.id, "the identity still opens it"


class TestAnAccountTakenBack:
    """The owner of the address sets a password by mail: a stranger who planted the account does not stay in it."""

    async def test_an_identity_of_who_planted_the_account_goes_with_the_reset(self, open_at: Post) -> None:
        planted = await open_at.at.gate.identities.account_for(EVE)
        assert await sign_in(open_at, planted, EVE) is not None
        await self._reset(open_at)
        assert list(await open_at.at.gate.identities.list_for_account(planted.id)) == []
        assert await code_of(open_at, EVE) == "link-required"
        assert (await open_at.at.gate.identities.account_for(GOOGLE)).id == planted.id, "both are verified now"

    async def test_so_does_one_that_was_linked_to_a_planted_account(self, open_at: Post) -> None:
        planted = await local(open_at, verified=False)
        await open_at.at.gate.identities.link(planted.id, replace(EVE, email="eve@evil.example", email_verified=True))
        await self._reset(open_at)
        assert list(await open_at.at.gate.identities.list_for_account(planted.id)) == []

    async def test_a_reset_that_was_cut_off_still_finds_what_is_not_verified(self, open_at: Post) -> None:
        planted = await open_at.at.gate.identities.account_for(EVE)
        await open_at.ask("/password/forgot", {"email": EMAIL})
        token = await open_at.token()
        for verb in ("change_password", "verify_account"):
            open_at.at.store.before = _failing(verb)
            assert (await open_at.ask("/password/reset", {"token": token, "new": PASSWORD})).status == 503
        open_at.at.store.before = None
        assert (await open_at.ask("/password/reset", {"token": token, "new": PASSWORD})).status == 204
        account = await open_at.at.gate.accounts.find(planted.id)
        assert account is not None
        assert account.verified_at == open_at.at.clock.now()
        assert list(await open_at.at.gate.identities.list_for_account(planted.id)) == []

    async def _reset(self, at: Post) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        assert (await at.ask("/password/reset", {"token": await at.token(), "new": PASSWORD})).status == 204


def _failing(verb: str) -> Any:
    async def fail(asked: str) -> None:
        if asked == verb:
            raise StoreUnavailable

    return fail
