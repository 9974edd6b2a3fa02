"""Roles that change at once: older tokens are refused as expired, the next refresh brings the new claims."""

import asyncio
from collections.abc import Mapping

import pytest

from gatepass.accounts.external import AuthenticatedUser
from gatepass.core.claims import AccountFacts, Tokens
from gatepass.core.event import ClaimsChanged
from gatepass.core.hook_facts import RequestFacts
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken
from gatepass.gate import Gatepass
from gatepass.sessions.changed_claims import UnknownAccount
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import ManualClock
from gatepass.testing.records import account_of
from tests.support.browser import Browser
from tests.support.gates import NOW, GateHarness, WatchedStore, open_gate


class Roles:
    """The application's table, and the hook that reads it."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    async def claims(self, session: Session, account: AccountFacts) -> Mapping[str, Json]:
        return {"role": self.of.get(account.email, "reader"), "email_verified": account.email_verified}


def role(gate: Gatepass, browser: Browser) -> Json:
    return gate.check.principal([browser.bearer[1]]).claims["role"]


def is_refused(gate: Gatepass, browser: Browser) -> bool:
    try:
        gate.check.principal([browser.bearer[1]])
    except InvalidToken as refusal:
        return refusal.why == "claims changed"
    return False


async def registered(gate: Gatepass, email: str) -> tuple[Browser, str]:
    browser = Browser(gate.asgi)
    assert (await browser.register(email=email)).status == 201
    return browser, gate.check.principal([browser.bearer[1]]).account_id


async def test_the_older_token_is_refused_and_one_refresh_brings_the_new_claims_to_the_same_session() -> None:
    roles = Roles()
    async with open_gate(tokens=Tokens(claims=roles.claims)) as at:
        ann, account_id = await registered(at.gate, "ann@example.com")
        bob, _ = await registered(at.gate, "bob@example.com")
        sid = ann.sid
        assert role(at.gate, ann) == "reader"
        roles.of["ann@example.com"] = "editor"
        assert role(at.gate, ann) == "reader", "nothing was said as yet"
        await at.gate.refresh_claims(account_id)
        assert is_refused(at.gate, ann)
        assert role(at.gate, bob) == "reader", "no other account is concerned"
        assert (await ann.refresh()).status == 200
        assert (role(at.gate, ann), ann.sid) == ("editor", sid)
        assert at.named("authz_change") == [ClaimsChanged(at=NOW, account_id=account_id, accounts=1, within=0)]


async def test_in_one_second_a_token_of_before_the_mark_is_refused_and_one_of_after_it_accepted() -> None:
    """`iat` has whole seconds and the clock stands still: the order decides, and no time."""
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        ann, account_id = await registered(at.gate, "ann@example.com")
        for _ in range(3):
            before = ann.access_token
            await at.gate.refresh_claims(account_id)
            assert is_refused(at.gate, ann)
            assert (await ann.refresh()).status == 200
            assert ann.access_token != before
            assert not is_refused(at.gate, ann)
        principal = at.gate.check.principal([ann.bearer[1]])
        assert principal.issued_at == NOW


@pytest.mark.parametrize("differs", [-3_000, -1, 0, 1, 3_000])
async def test_servers_whose_clocks_differ_agree_on_which_tokens_are_older(differs: int) -> None:
    """Two servers on one store; the one that issues tokens is ahead of the one that marks, or behind it."""
    memory, roles = MemoryStore(), Roles()
    here = GateHarness(store=WatchedStore(memory), tokens=Tokens(claims=roles.claims))
    there = GateHarness(
        store=WatchedStore(memory), tokens=Tokens(claims=roles.claims), clock=ManualClock(NOW + differs)
    )
    here.gate.check._clock = there.clock  # the guards' tolerance for `exp` is another matter
    async with here.gate.running(), there.gate.running():
        ann, account_id = await registered(there.gate, "ann@example.com")
        await here.gate.refresh_claims(account_id)
        assert is_refused(here.gate, ann)
        assert (await ann.refresh()).status == 200
        assert not is_refused(here.gate, ann), "the server that issued it had not heard of the mark, and read it"


async def test_a_refresh_whose_claims_were_read_before_the_change_gives_a_token_that_is_refused() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    roles = {"ann": "admin"}

    async def claims(session: Session) -> Mapping[str, Json]:
        found = roles["ann"]
        asked.set()
        await go_on.wait()
        return {"role": found}

    async with open_gate(tokens=Tokens(claims=claims)) as at:
        go_on.set()
        ann, account_id = await registered(at.gate, "ann@example.com")
        go_on.clear()
        asked.clear()
        refreshing = asyncio.ensure_future(ann.refresh())
        await asked.wait()
        roles["ann"] = "reader"
        await at.gate.refresh_claims(account_id)
        go_on.set()
        assert (await refreshing).status == 200
        assert is_refused(at.gate, ann), "it says admin"
        assert (await ann.refresh()).status == 200
        assert role(at.gate, ann) == "reader"


async def test_a_guard_asks_no_store() -> None:
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        ann, account_id = await registered(at.gate, "ann@example.com")
        await at.gate.refresh_claims(account_id)
        at.store.verbs.clear()
        assert is_refused(at.gate, ann)
        assert at.store.verbs == []


async def test_all_accounts_are_refused_one_after_another_within_the_seconds_stated_and_then_all() -> None:
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        browsers = [(await registered(at.gate, f"{name}@example.com"))[0] for name in range(12)]
        await at.gate.refresh_claims_of_all(within=60)
        refused = []
        for _ in range(60):
            refused.append(sum(is_refused(at.gate, browser) for browser in browsers))
            at.clock.advance(1)
        assert refused == sorted(refused)
        assert 0 < refused[30] < 12
        assert all(is_refused(at.gate, browser) for browser in browsers)
        assert [event.accounts for event in at.events if isinstance(event, ClaimsChanged)] == [0]


async def test_at_once_means_all_at_once() -> None:
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        browsers = [(await registered(at.gate, f"{name}@example.com"))[0] for name in range(3)]
        await at.gate.refresh_claims_of_all(within=0)
        assert all(is_refused(at.gate, browser) for browser in browsers)
        for browser in browsers:
            assert (await browser.refresh()).status == 200
        assert not any(is_refused(at.gate, browser) for browser in browsers)


async def test_several_accounts_are_marked_in_one_step() -> None:
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        (ann, one), (bob, two), (eve, _) = [await registered(at.gate, f"{name}@example.com") for name in "abc"]
        at.store.verbs.clear()
        await at.gate.refresh_claims([one, two, one])
        assert at.store.verbs == ["find_account", "find_account", "mark_claims"]
        assert [is_refused(at.gate, browser) for browser in (ann, bob, eve)] == [True, True, False]
        at.store.verbs.clear()
        await at.gate.refresh_claims([])
        assert at.store.verbs == []


async def test_an_id_of_no_account_is_refused_and_nothing_is_written() -> None:
    async with open_gate() as at:
        await registered(at.gate, "ann@example.com")
        at.store.verbs.clear()
        with pytest.raises(UnknownAccount, match=r"'ann@example\.com'; an id is no e-mail address"):
            await at.gate.refresh_claims("ann@example.com")
        with pytest.raises(LookupError):
            await at.gate.administration.refresh_claims("nope", by="ann")
        assert "mark_claims" not in at.store.verbs


async def test_of_several_the_known_are_marked_and_the_unknown_named_once() -> None:
    async with open_gate(tokens=Tokens(claims=Roles().claims)) as at:
        ann, one = await registered(at.gate, "ann@example.com")
        with pytest.raises(UnknownAccount) as refused:
            await at.gate.refresh_claims(["nope", one, "none", "nope"])
        assert refused.value.account_ids == ["nope", "none"]
        assert is_refused(at.gate, ann)


async def test_of_external_users_those_with_a_mirror_and_those_that_the_application_knows_are_accounts() -> None:
    class Users:
        def authenticate(self, email: str, password: str, request: RequestFacts) -> AuthenticatedUser | None:
            return AuthenticatedUser("closed", email)

        def find(self, user_id: str) -> AuthenticatedUser | None:
            return AuthenticatedUser(user_id, "bob@example.com") if user_id in open_ones else None

    open_ones = {"7", "closed"}
    async with open_gate(users=Users()) as at:
        assert (await Browser(at.gate.asgi).login()).status == 200
        open_ones.remove("closed")
        await at.gate.refresh_claims(["closed", "7"])
        assert await at.memory.find_account("7") is None, "no mirror is made"
        with pytest.raises(UnknownAccount, match="'bob@example"):
            await at.gate.refresh_claims("bob@example.com")


@pytest.mark.parametrize("wrong", [-1, 3_601])
async def test_what_cannot_be_meant_is_refused(wrong: int) -> None:
    async with open_gate() as at:
        with pytest.raises(ValueError, match="within"):
            await at.gate.refresh_claims("ann", within=wrong)
        for empty in ("", ["ann", ""]):
            with pytest.raises(ValueError, match="refresh_claims_of_all"):
                await at.gate.refresh_claims(empty)


async def test_a_gate_without_a_hook_issues_tokens_that_its_own_guards_accept_after_a_mark() -> None:
    """A worker that knows no hook may mark; a service that adds no claims has none that are stale."""
    async with open_gate() as at:
        ann, account_id = await registered(at.gate, "ann@example.com")
        await at.gate.refresh_claims(account_id)
        assert is_refused(at.gate, ann)
        assert (await ann.refresh()).status == 200
        assert not is_refused(at.gate, ann)


async def test_a_process_that_starts_later_refuses_the_older_tokens_too() -> None:
    memory = MemoryStore()
    async with open_gate(store=WatchedStore(memory), tokens=Tokens(claims=Roles().claims)) as at:
        ann, account_id = await registered(at.gate, "ann@example.com")
        await at.gate.refresh_claims(account_id)
    async with open_gate(store=WatchedStore(memory), tokens=Tokens(claims=Roles().claims)) as later:
        assert is_refused(later.gate, ann)


def test_sync_code_marks_as_well() -> None:
    at = GateHarness()
    asyncio.run(at.memory.add_account(account_of("ann")))
    at.gate.sync.refresh_claims(account_of("ann").id)
    with pytest.raises(LookupError):
        at.gate.sync.refresh_claims("nope")
    at.gate.sync.refresh_claims_of_all(within=5)
    at.gate.sync.close()
    assert [event.within for event in at.events if isinstance(event, ClaimsChanged)] == [0, 5]
