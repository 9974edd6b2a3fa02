"""A provider ends its session, and ours with it: which ones, in which order, and what a repetition does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gatepass.core.account import Account
from gatepass.core.identity import Identity, ProviderSignIn
from gatepass.core.logout_token import LogoutToken
from gatepass.core.policy import DAY
from gatepass.errors import StoreUnavailable
from gatepass.runtime.janitor import Janitor
from gatepass.sessions.service import Caller
from tests.support.browser import EMAIL
from tests.support.gates import GateHarness, open_gate

GOOGLE = Identity("google", "https://accounts.google.example", "110", EMAIL, email_verified=True)
CALLER = Caller("Firefox on Linux", "192.0.2.0/24")


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate() as made:
        yield made


async def begin(
    at: GateHarness, *, sid: str | None, identity: Identity = GOOGLE, account: Account | None = None
) -> Any:
    """A session that began in this session of the provider; None if it was refused."""
    owner = account or await at.gate.identities.account_for(identity)
    through = ProviderSignIn(identity.provider, identity.issuer, identity.subject, sid, at.clock.now())
    grant = await at.gate.sessions.sign_in(owner, caller=CALLER, remember=True, through=through)
    return None if grant is None else grant.session.sid


def token(at: GateHarness, **facts: Any) -> LogoutToken:
    return replace(LogoutToken(GOOGLE.issuer, GOOGLE.subject, None, at.clock.now()), **facts)


async def live(at: GateHarness) -> set[bytes]:
    (account,) = at.memory._accounts.values()
    return {session.sid for session in await at.gate.sessions.list_for_account(account.id)}


async def test_a_sid_ends_the_session_that_began_in_it_and_no_other(at: GateHarness) -> None:
    laptop, phone = await begin(at, sid="1"), await begin(at, sid="2")
    assert await at.gate.provider_logout.end(token(at, sid="1"), ip_prefix="198.51.100.0/24") == 1
    assert await live(at) == {phone}
    assert at.gate.revocations.is_revoked(laptop.hex())
    (event,) = at.named("session_revoked")
    assert (event.address, event.sid, event.reason) == ("198.51.100.0/24", laptop.hex(), "revoked")  # type: ignore[attr-defined]


async def test_a_sid_without_a_subject_does_the_same(at: GateHarness) -> None:
    _, phone = await begin(at, sid="1"), await begin(at, sid="2")
    assert await at.gate.provider_logout.end(token(at, subject=None, sid="1")) == 1
    assert await live(at) == {phone}


async def test_a_subject_alone_ends_all_of_its_sessions(at: GateHarness) -> None:
    """Where many applications fail: they look for a session of the sid None."""
    for sid in ("1", "2", None):
        await begin(at, sid=sid)
    account = at.memory._accounts[next(iter(at.memory._accounts))]
    password = await at.gate.sessions.sign_in(account, caller=CALLER, remember=True)
    assert password is not None
    assert await at.gate.provider_logout.end(token(at)) == 3
    assert await live(at) == {password.session.sid}, "what began here stays"


async def test_a_sid_ends_a_session_whose_id_token_had_none(at: GateHarness) -> None:
    """The provider tells the sid in the logout token only: of the subject's sessions this may be the one."""
    await begin(at, sid=None)
    phone = await begin(at, sid="2")
    assert await at.gate.provider_logout.end(token(at, sid="1")) == 1
    assert await live(at) == {phone}


async def test_another_issuer_or_subject_ends_nothing(at: GateHarness) -> None:
    await begin(at, sid="1")
    for other in (
        token(at, issuer="https://evil.example", sid="1"),
        token(at, issuer="https://evil.example"),
        token(at, subject="666", sid="1"),
        token(at, subject="666"),
        token(at, sid="7"),
    ):
        assert await at.gate.provider_logout.end(other) == 0
    assert len(await live(at)) == 1
    assert at.named("session_revoked") == []


async def test_a_token_that_comes_again_ends_nothing_that_began_since(at: GateHarness) -> None:
    await begin(at, sid="1")
    told = token(at)
    assert await at.gate.provider_logout.end(told) == 1
    at.clock.advance(1)
    again = await begin(at, sid="1")
    assert await at.gate.provider_logout.end(told) == 0
    assert await live(at) == {again}
    assert len(at.named("session_revoked")) == 1


async def test_clocks_of_provider_and_server_are_never_compared(at: GateHarness) -> None:
    """Both times are the provider's: of the ID token and of the logout token."""
    account = await at.gate.identities.account_for(GOOGLE)
    behind = at.clock.now() - DAY
    through = ProviderSignIn(GOOGLE.provider, GOOGLE.issuer, GOOGLE.subject, "1", behind)
    await at.gate.sessions.sign_in(account, caller=CALLER, remember=True, through=through)
    assert await at.gate.provider_logout.end(token(at, issued_at=behind - 1)) == 0
    assert await at.gate.provider_logout.end(token(at, issued_at=behind)) == 1


async def test_what_was_cut_off_is_done_when_the_token_comes_again(at: GateHarness) -> None:
    await begin(at, sid="1")

    async def fail(verb: str) -> None:
        if verb == "revoke":
            raise StoreUnavailable

    at.store.before = fail
    with pytest.raises(StoreUnavailable):
        await at.gate.provider_logout.end(token(at))
    at.store.before = None
    assert await at.gate.provider_logout.end(token(at)) == 1
    assert await live(at) == set()


@pytest.mark.parametrize("moment", ["add", "find_provider_session"])
async def test_a_sign_in_that_is_under_way_is_over_too(at: GateHarness, moment: str) -> None:
    """After its beginning was written: the logout finds that, or the session itself."""
    account = await at.gate.identities.account_for(GOOGLE)

    async def end(verb: str) -> None:
        if verb == moment:
            at.store.before = None
            await at.gate.provider_logout.end(token(at))

    at.store.before = end
    assert await begin(at, sid="1", account=account) is None
    assert await live(at) == set()
    assert at.named("session_created") == []
    (row,) = at.memory.rows().values()
    assert row.revoked_at is not None


async def test_where_a_session_began_is_kept_as_long_as_the_session(at: GateHarness) -> None:
    sid = await begin(at, sid="1")
    origin = await at.gate.provider_logout.origin(sid.hex())
    assert origin is not None
    assert (origin.provider, origin.provider_sid) == ("google", "1")
    assert await at.gate.provider_logout.origin("0" * 32) is None
    janitor: Janitor = at.gate._parts.janitor
    at.clock.advance(at.gate.policy.session_ttl)
    await janitor.sweep()
    assert await at.gate.provider_logout.origin(sid) is not None
    at.clock.advance(1)
    await janitor.sweep()
    assert await at.gate.provider_logout.origin(sid) is None


async def test_a_deleted_account_leaves_nothing_about_its_provider(at: GateHarness) -> None:
    sid = await begin(at, sid="1")
    (account,) = at.memory._accounts.values()
    await at.gate.accounts.delete(account.id)
    assert await at.gate.provider_logout.origin(sid) is None
    assert await at.gate.provider_logout.end(token(at)) == 0
