"""The store of a gate: all ports on one engine."""

from collections.abc import Sequence
from typing import Protocol

from gatepass.core.audit import AuditEntry
from gatepass.core.stored_key import StoredKey
from gatepass.ports.accounts import AccountStore, AttemptStore, ChangeStore, IdentityStore
from gatepass.ports.factors import FactorStore
from gatepass.ports.sessions import ClaimsStore, EpochStore, SessionStore


class KeyStore(Protocol):
    """Signing keys, encrypted: a handful of rows, one for each rotation."""

    async def signing_keys(self) -> Sequence[StoredKey]:
        """All signing keys, in no particular order."""

    async def put_signing_key(self, key: StoredKey) -> None:
        """Add a key, or replace the one with the same kid. Durable when it returns; subscriptions are woken."""


class AuditStore(Protocol):
    """The trail of administration. Entries are never changed."""

    async def add_audit(self, entry: AuditEntry) -> None:
        """Add an entry under the next number. Durable when it returns."""

    async def list_audit(self, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """At most `limit` entries, newest first, with numbers below `before`; None starts at the newest."""


class Store(
    SessionStore,
    AccountStore,
    IdentityStore,
    FactorStore,
    ChangeStore,
    AttemptStore,
    KeyStore,
    EpochStore,
    ClaimsStore,
    AuditStore,
    Protocol,
):
    """All ten on one engine, opened and closed together.

    `is_shared`: several server processes may use the same data at once. `is_private`: not even a command can.
    """

    is_shared: bool
    is_private: bool

    async def open(self) -> None:
        """Connect, and check or migrate the schema.

        Raises ConfigurationError if the store cannot be used, StoreUnavailable if trying again may help.
        """

    async def close(self) -> None:
        """Finish the operations that were accepted, then disconnect. Idempotent."""

    async def ping(self) -> None:
        """Make a real write. Raises StoreUnavailable if the store cannot write now."""

    async def hazards(self) -> Sequence[str]:
        """Why the store may lose what it acknowledges, a sentence each that says what to set; empty if all is well.

        For what `open` refuses and what may be set later, or by a fail-over. Raises StoreUnavailable.
        """
