"""Sessions in a store, and what all processes hear: their ends, the epoch, the marks of changed claims."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import StoreUnavailable


class Revocation(NamedTuple):
    """A session id and when it was revoked (Unix seconds), by the clock of the process that revoked it."""

    sid: bytes
    at: int


class PartlyRead(StoreUnavailable):
    """Some parts of a store cannot be read, such as one node of a cluster. `found` is what the others have.

    `missing` has the first bytes of the sids of which nothing is known. As any StoreUnavailable where it is not caught.
    """

    def __init__(self, found: Sequence[Revocation], missing: frozenset[int]) -> None:
        super().__init__()
        self.found = found
        self.missing = missing


CLAIMS_CHANGED = b"claims"
"""What a subscription names in the place of a sid, which has 16 bytes, when an account was marked."""


class Subscription(Protocol):
    """The doorbell of an engine: some process on it has revoked something, or says so."""

    async def next(self, within: float) -> Sequence[bytes]:
        """The sids that messages since the last call named, after waiting at most `within` seconds for the first one.

        A message proves nothing, since other programs may send one: ask `revoked_among`. CLAIMS_CHANGED among the sids
        means: read `claims_marks`. An empty result means: read `claims_marks`, `revoked_since` and `epoch`. Raises
        StoreUnavailable when the connection is lost: subscribe and read again.
        """


class SessionStore(Protocol):
    """One row per session."""

    async def add(self, session: Session, *, credential_version: int) -> bool:
        """Add a session if its account is enabled and still has this credential version; False if not."""

    async def find(self, sid: bytes) -> Session | None:
        """The row as it is, or None. Revoked and expired rows are included until they are pruned."""

    async def swap(self, swap: Swap) -> Session | None:
        """Apply a swap. Returns the new row, or None if the condition of the swap does not hold."""

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        """Record the device of a live session that has none, or this one; `since` only where it is null as yet.

        False, and nothing is changed, if the session is absent, revoked, expired or has another device. As durable as
        `revoke`.
        """

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        """Revoke one session. Returns the revoked row, or None if it is absent or was revoked before."""

    async def bury(self, sid: bytes, *, now: int) -> None:
        """Record the end of a session that has no row (any more); nothing if it has one. As durable as `revoke`.

        `revoked_since` lists it, subscriptions are woken, and `prune` deletes the record.
        """

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        """Revoke all sessions of an account except `keep`. Returns the sids that this call revoked."""

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        """The sessions of an account that are neither revoked nor expired at `now`, newest sign-in first."""

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        """All revocations at or after `since`, oldest first, those of `bury` among them.

        Also proves that a revocation that any process acknowledged before would be among them: a primary that was cut
        off and replaced is not believed. Raises StoreUnavailable, and PartlyRead if only a part can be read.
        """

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        """Those of these sessions that are revoked, whenever that was, in any order."""

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        """Be woken by the revocations of other processes, from the moment the context is entered.

        Each one wakes at least once; those of this process may not. Without push, `next` waits at most one second.
        """

    async def time(self) -> int | None:
        """The Unix time of the engine, which all processes share; None if it has no clock but that of this machine."""

    async def prune(self, *, before: int, limit: int) -> int:
        """Delete at most `limit` sessions that expired or were revoked before `before`. Returns the number deleted."""


class EpochStore(Protocol):
    """The epoch (PROTOCOL §3): one time for the whole system. Sessions that began before it are over."""

    async def epoch(self) -> int:
        """The epoch (Unix seconds); 0 if there never was one."""

    async def raise_epoch(self, at: int) -> int:
        """Set the epoch, unless it is later already. Returns it. As durable as `revoke`; subscriptions are woken."""


class ClaimsStore(Protocol):
    """The marks of accounts whose claims changed (`core/claims_mark.py`)."""

    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        """Mark some accounts, or EVERYBODY, under the next number, and return it. In one step, whatever their number.

        The next number is above all that there are, and at least that of `now` (Unix seconds). `within` as in
        ClaimsMark; a mark of the same account with the same `within` is replaced. As durable as `revoke`; subscriptions
        are woken.
        """

    async def claims_number(self, account_id: str) -> int:
        """The highest number that concerns an account, by its own marks or by one of all; 0 without one."""

    async def claims_marks(self, *, above: ClaimsMark, limit: int) -> Sequence[ClaimsMark]:
        """At most `limit` marks behind `above`, by number, account and `within`.

        Read them before `revoked_since`, which proves that this engine is the present one.
        """

    async def prune_claims_marks(self, *, below: int, limit: int) -> int:
        """Delete at most `limit` marks with numbers below `below`. Returns how many."""
