"""Failures are counted under the address that is typed, which is not always the key of the account's row.

A mirror of an external user has no key by address, and an account of an earlier version has another one.
"""

from collections.abc import AsyncIterator

import pytest

from gatepass import AuthenticatedUser, RequestFacts
from gatepass.accounts.importing import import_accounts
from gatepass.core.account import Account
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.system import SystemEntropy
from gatepass.wire.email_address import earlier_key, read_email
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, post
from tests.support.throttling import exhaust

NEW = "eight green bottles on a wall"
SHARP = "straße@example.com"


class Users:
    async def authenticate(self, email: str, password: str, request: RequestFacts) -> AuthenticatedUser | None:
        return await self.find("42") if (email, password) == (EMAIL, PASSWORD) else None

    async def find(self, user_id: str) -> AuthenticatedUser | None:
        return AuthenticatedUser("42", EMAIL) if user_id == "42" else None


class TestExternalUsers:
    @pytest.fixture
    async def at(self) -> AsyncIterator[GateHarness]:
        async with open_gate(users=Users()) as made:
            yield made

    async def test_an_administrator_sees_that_one_is_stopped_and_opens_the_account(self, at: GateHarness) -> None:
        assert (await Browser(at.gate.asgi).login()).status == 200
        mirror = await at.gate.accounts.find("42")
        assert mirror is not None
        await exhaust(at)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 429
        assert await at.gate.accounts.is_stopped(mirror)
        assert await at.gate.accounts.enable("42")
        assert not await at.gate.accounts.is_stopped(mirror)
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200


class TestAnAddressOfAnEarlierVersion:
    @pytest.fixture
    async def at(self) -> AsyncIterator[Post]:
        async with post(policy=Policy(registration="open")) as made:
            yield made

    @pytest.fixture
    async def account(self, at: Post) -> Account:
        """An account whose key has ss for ß."""
        address = read_email(SHARP)
        assert address is not None
        made = await at.at.gate.accounts.add("other@example.com", Secret(PASSWORD), email_key="other@example.com")
        changed = await at.at.memory.change_email(
            made.id,
            email=address.display,
            email_key=earlier_key(address.key),
            credential_version=1,
            verified_at=at.at.clock.now(),
        )
        found = await at.at.gate.accounts.find(made.id)
        assert changed
        assert found is not None
        return found

    async def test_an_administrator_opens_it(self, at: Post, account: Account) -> None:
        assert (await at.browser().login(SHARP)).status == 200
        await exhaust(at.at, SHARP)
        assert await at.at.gate.accounts.is_stopped(account)
        assert await at.at.gate.accounts.enable(account.id)
        assert (await at.browser().login(SHARP)).status == 200

    async def test_its_owner_opens_it_by_a_mailed_link(self, at: Post, account: Account) -> None:
        await exhaust(at.at, SHARP)
        await at.ask("/password/forgot", {"email": SHARP})
        assert (await at.ask("/password/reset", {"token": await at.token(), "new": NEW})).status == 204
        assert (await at.browser().login(SHARP, NEW)).status == 200

    async def test_a_home_network_of_it_is_known(self, at: Post, account: Account) -> None:
        home = at.browser()
        assert (await home.login(SHARP)).status == 200
        await exhaust(at.at, SHARP, while_using=home)
        assert (await at.browser().login(SHARP)).status == 200

    async def test_an_administrator_verifies_it_instead_of_a_registration(self, at: Post, account: Account) -> None:
        address = read_email(SHARP)
        assert address is not None
        verified = await at.at.gate.accounts.verify_address(address.key)
        assert verified is not None
        assert verified.id == account.id

    async def test_a_repeated_import_makes_no_second_one(self, at: Post, account: Account) -> None:
        gate, line = at.at.gate, f'{{"email": "{SHARP}"}}'
        records = import_accounts([(1, line)], store=gate.store, clock=at.at.clock, entropy=SystemEntropy())
        assert [each and each.why async for each in records] == ["there is an account with this address"]
