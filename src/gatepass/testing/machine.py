"""A Hypothesis machine: after any sequence of operations, a store must hold the same as the reference.

    class MyStoreMachine(StoreMachine):
        def make_store(self): return MyStore(...)

    TestMyStoreMachine = MyStoreMachine.TestCase

The reference is the store in memory. The battery tests that one line by line.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from gatepass._extras import missing_extra
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from gatepass.ports import Store
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.records import NOW, account_of, digest, session_of, swap_of

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
except ModuleNotFoundError as missing:
    sentence = "The machine needs Hypothesis: pip install 'gatepass[testing]'"
    raise missing_extra(missing, "hypothesis", sentence=sentence) from None

Result = TypeVar("Result")
NAMES = ("ann", "bob")
DEVICES = ("laptop", "phone", "tablet")
SESSIONS = [(name, device) for name in NAMES for device in DEVICES]
STARTS = ("as it is", "at sign-in", "under another binding")
names = st.sampled_from(NAMES)
sessions = st.sampled_from(SESSIONS)
times = st.integers(NOW - 100, NOW + 100)


class StoreMachine(RuleBasedStateMachine):
    """Runs each operation on both stores, and compares their answers and everything that they hold."""

    def make_store(self) -> Store:
        """Return a new store that is not open. A subclass must override this."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._store = self.make_store()
        self._reference = MemoryStore()

    @initialize()
    def open(self) -> None:
        """Open both stores and add two accounts with sessions: so most rules find something to change."""
        self._run(self._store.open())
        for name in NAMES:
            self._same("add_account", account_of(name))
            for device in DEVICES[:2]:
                self._same("add", session_of(account_of(name), device, expires_at=NOW + 50), credential_version=1)

    def teardown(self) -> None:
        """Close the store under test."""
        self._run(self._store.close())
        self._loop.close()

    @rule(which=sessions, version=st.integers(1, 3), expires_at=st.integers(NOW - 50, NOW + 50))
    def add(self, which: tuple[str, str], version: int, expires_at: int) -> None:
        """Add a session, unless it exists."""
        session = session_of(account_of(which[0]), which[1], expires_at=expires_at, created_at=NOW + version)
        if self._run(self._reference.find(session.sid)) is None:
            self._same("add", session, credential_version=version)

    @rule(
        which=sessions,
        at=times,
        branch=st.sampled_from("ab"),
        bound=st.booleans(),
        start=st.sampled_from(STARTS),
        shown=st.booleans(),
    )
    def swap(self, which: tuple[str, str], at: int, branch: str, bound: bool, start: str, shown: bool) -> None:
        """Swap to a bound token or an unbound one: from the present row, the one at sign-in, or another binding."""
        fresh = session_of(account_of(which[0]), which[1])
        row = self._run(self._reference.find(fresh.sid))
        before = fresh if start == "at sign-in" or row is None else row
        expected = digest("foreign") if start == "under another binding" else before.binding
        binding = digest("binding", branch) if bound else NO_BINDING
        previous = NO_FINGERPRINT if bound else before.fingerprint
        facts = {"expected_binding": expected, "binding": binding, "previous": previous, "shown_device": shown}
        self._same("swap", swap_of(before, branch=branch, now=at, **facts))

    @rule(which=sessions, at=times, key=st.sampled_from((b"one", b"two")), is_proven=st.booleans())
    def set_device(self, which: tuple[str, str], at: int, key: bytes, is_proven: bool) -> None:
        """Record the device of a session, by a registration or by a proof."""
        self._same("set_device", self._sid(which), key=key, since=at if is_proven else None, now=at)

    @rule(which=sessions, at=times, reason=st.sampled_from(("revoked", "reused")))
    def revoke(self, which: tuple[str, str], at: int, reason: str) -> None:
        """Revoke a session, or one that does not exist."""
        self._same("revoke", self._sid(which), reason=reason, now=at)

    @rule(name=names, at=times, keep=st.none() | sessions)
    def revoke_all(self, name: str, at: int, keep: tuple[str, str] | None) -> None:
        """Revoke all sessions of an account, or all except one."""
        kept = self._sid(keep) if keep else None
        self._same_set("revoke_all", account_of(name).id, reason="revoked", now=at, keep=kept)

    @rule(name=names, version=st.integers(1, 3), at=times, keep=st.none() | sessions)
    def change_password(self, name: str, version: int, at: int, keep: tuple[str, str] | None) -> None:
        """Change a password, from the right or a wrong version."""
        kept = self._sid(keep) if keep else None
        facts = {"password_hash": f"hash {at}", "credential_version": version, "now": at, "keep": kept}
        self._same_set("change_password", account_of(name).id, **facts)

    @rule(name=names, version=st.integers(1, 3), at=times)
    def rehash_password(self, name: str, version: int, at: int) -> None:
        """Replace the hash of the same password."""
        self._same("rehash_password", account_of(name).id, password_hash=f"rehash {at}", credential_version=version)

    @rule(name=names, newcomer=st.sampled_from(("cid", "dan")))
    def register(self, name: str, newcomer: str) -> None:
        """Add an account with an address that is taken, then one with a free address."""
        self._same("add_account", account_of(newcomer, email_key=account_of(name).email_key))
        if self._run(self._reference.find_account(account_of(newcomer).id)) is None:
            self._same("add_account", account_of(newcomer))

    @rule(name=names, at=times)
    def disable(self, name: str, at: int) -> None:
        """Disable an account, again if it is disabled."""
        self._same_set("disable_account", account_of(name).id, now=at)

    @rule(before=times)
    def prune(self, before: int) -> None:
        """Prune the sessions that ended before a time."""
        self._same("prune", before=before, limit=100)

    @rule(keys=st.lists(names, unique=True), at=times, forget_before=times)
    def count_failure(self, keys: list[str], at: int, forget_before: int) -> None:
        """Count a failed sign-in for some keys."""
        self._same("count_failure", keys, now=at, forget_before=forget_before)

    @rule(key=names)
    def clear_attempts(self, key: str) -> None:
        """Clear the count of a key, as a successful sign-in does."""
        self._same("clear_attempts", key)

    @invariant()
    def both_hold_the_same(self) -> None:
        """Compare everything that the ports can read."""
        assert self._run(_everything(self._store)) == self._run(_everything(self._reference))

    def _sid(self, which: tuple[str, str]) -> bytes:
        return session_of(account_of(which[0]), which[1]).sid

    def _same(self, verb: str, *values: Any, **facts: Any) -> None:
        ours, theirs = self._both(verb, *values, **facts)
        assert ours == theirs

    def _same_set(self, verb: str, *values: Any, **facts: Any) -> None:
        ours, theirs = self._both(verb, *values, **facts)
        assert (ours is None) == (theirs is None)
        assert set(ours or ()) == set(theirs or ())

    def _both(self, verb: str, *values: Any, **facts: Any) -> tuple[Any, Any]:
        ours = self._run(getattr(self._store, verb)(*values, **facts))
        return ours, self._run(getattr(self._reference, verb)(*values, **facts))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)


async def _everything(store: Store) -> list[Any]:
    """Return everything that a store holds, as lists: a store may return any kind of sequence."""
    accounts = [account_of(name) for name in NAMES]
    singles: list[Awaitable[Any]] = [
        *(store.find(session_of(account_of(name), device).sid) for name, device in SESSIONS),
        *(store.find_account(account.id) for account in accounts),
        *(store.find_account_by_email(account.email_key) for account in accounts),
    ]
    lists: list[Awaitable[Sequence[Any]]] = [
        *(store.list_for_account(account.id, now=NOW) for account in accounts),
        store.revoked_since(NOW - 1_000),
        store.attempts(NAMES),
    ]
    return [*await asyncio.gather(*singles), *map(list, await asyncio.gather(*lists))]
