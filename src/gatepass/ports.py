"""What the outside must supply. Services know these protocols and never a concrete store.

The contract that all stores share:
* "Not found" is a value (None, False, an empty tuple). An exception means the store is ill, and is always
  StoreUnavailable: the caller answers 503 and nothing is decided.
* A store moves data and compares. It knows no rule of PROTOCOL §4 and asks no clock: times come in.
* `add` and `revoke` return only when durable; `swap` may be lost in a fail-over (the table recovers it).
* One verb per intent. `gatepass.testing.battery.StoreBattery` is this contract as tests.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey


class Clock(Protocol):
    """The time that rules are applied to."""

    def now(self) -> int:
        """Whole Unix seconds."""
        ...


class Entropy(Protocol):
    """Randomness fit for keys."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        ...


class PasswordHasher(Protocol):
    """Slow hashing off the event loop, in a bounded queue. Raises Overloaded when the queue is full."""

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the hashed one. None costs the same work and is always False."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        ...


class Revocation(NamedTuple):
    """A session id and when it was revoked (Unix seconds)."""

    sid: bytes
    at: int


class Subscription(Protocol):
    """News of revocations, whichever process on the same engine makes them."""

    async def next(self, within: float) -> Sequence[Revocation]:
        """What was revoked since the last call, waiting at most `within` seconds for something.

        Empty means: look yourself (`revoked_since`). It was silent, or something happened that was not told.
        Raises StoreUnavailable once contact is lost: then subscribe anew, and look.
        """
        ...


class SessionStore(Protocol):
    """One row per session."""

    async def add(self, session: Session, *, credential_version: int) -> bool:
        """Add a session if its account is enabled and still has this credential version; False if not."""
        ...

    async def find(self, sid: bytes) -> Session | None:
        """The row as it is, revoked and expired ones included until they are pruned."""
        ...

    async def swap(self, swap: Swap) -> Session | None:
        """Apply a swap and return the new row, or None where its condition does not hold."""
        ...

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        """End one session: the revoked row if this call ended it, None if it was absent or over before."""
        ...

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        """End every session of an account but `keep`; the sids that this call ended."""
        ...

    async def of_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        """The live sessions of an account, newest sign-in first."""
        ...

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        """All revocations at or after `since`, oldest first."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        """Hear of every revocation by another process from the moment of entering on.

        At least once each, in any order; this process' own may be left out. PostgreSQL by LISTEN, SQLite by looking
        at `data_version`; where an engine cannot push, `next` waits at most a second.
        """
        ...

    async def prune(self, *, before: int, limit: int) -> int:
        """Forget at most `limit` sessions that expired or were revoked before `before`; how many it were."""
        ...


class AccountStore(Protocol):
    """Accounts by id and by normalised e-mail address."""

    async def add_account(self, account: Account) -> bool:
        """Add an account; False if its address or its id is taken."""
        ...

    async def find_account(self, account_id: str) -> Account | None:
        """The account of this id."""
        ...

    async def find_account_by_email(self, email_key: str) -> Account | None:
        """The account of this normalised address."""
        ...

    async def change_password(
        self, account_id: str, *, password_hash: str, credential_version: int, now: int, keep: bytes | None
    ) -> Sequence[bytes] | None:
        """In one step: set the hash, raise the version, end every session but `keep` (as "revoked").

        The sids that ended; None if the account is absent or its version is no longer `credential_version`.
        """
        ...

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        """Store the same password under stronger parameters; False if the version has moved on."""
        ...

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """Disable an account and end its sessions in one step; their sids, or None for no such account."""
        ...

    async def enable_account(self, account_id: str) -> bool:
        """Take the disabling back; False for no such account."""
        ...

    async def delete_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """In one step: end its sessions and forget the account, its address free again at once.

        The sids that ended, which `revoked_since` tells of as ever; None for no such account.
        """
        ...

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, now: int
    ) -> bool | None:
        """Set the address, as verified `now`, and raise the version; sessions stay.

        False if the address is another account's; None if the account is absent or has another version.
        """
        ...

    async def verify_account(self, account_id: str, *, now: int) -> bool:
        """Note that its owner has shown the address to be theirs; False for no such account."""
        ...

    async def list_accounts(self, *, after: str, limit: int) -> Sequence[Account]:
        """At most `limit` accounts whose ids come after `after` ("" for the first ones), in the order of their ids."""
        ...

    async def add_applicant(self, applicant: PendingRegistration) -> None:
        """Keep an applicant, whatever others have the same address."""
        ...

    async def find_applicant(self, applicant_id: str) -> PendingRegistration | None:
        """The applicant of this id."""
        ...

    async def find_applicants(self, email_key: str) -> Sequence[PendingRegistration]:
        """Those who named this address, newest first."""
        ...

    async def admit_applicant(self, applicant_id: str, account: Account) -> bool:
        """In one step: add the account, and forget all applicants of its address.

        False if the applicant is gone or the address is taken.
        """
        ...

    async def prune_applicants(self, *, before: int, limit: int) -> int:
        """Forget at most `limit` applicants who asked before `before`; how many it were."""
        ...


class Attempts(NamedTuple):
    """Failed attempts under one key since the last success, and when the last one was (Unix seconds)."""

    failures: int
    last_at: int


class AttemptStore(Protocol):
    """Counts of failed sign-ins, by opaque key, bounded in number."""

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        """The counts of these keys, in their order; zero for unknown ones."""
        ...

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        """Raise each count by one. A count last touched before `forget_before` starts again at one."""
        ...

    async def clear_attempts(self, key: str) -> None:
        """Forget a key: the sign-in succeeded."""
        ...


class KeyStore(Protocol):
    """Signing keys, sealed: a handful of rows, one for each rotation."""

    async def signing_keys(self) -> Sequence[StoredKey]:
        """All of them, in no order."""
        ...

    async def put_signing_key(self, key: StoredKey) -> None:
        """Add a key, or replace the one of the same kid. Durable; subscribers are told to look."""
        ...


class Store(SessionStore, AccountStore, AttemptStore, KeyStore, Protocol):
    """All four on one engine, with a life cycle.

    `is_shared`: whether several server processes may use the same data at once.
    """

    is_shared: bool

    async def open(self) -> None:
        """Connect and make the schema ready. Raises ConfigurationError where it cannot be used at all."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go. Idempotent."""
        ...

    async def ping(self) -> None:
        """Return if the store can write now; raise StoreUnavailable if not."""
        ...


class Message(NamedTuple):
    """One mail, as plain text. `to` is an address, never a list of them."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Takes mail to where it is delivered from."""

    async def send(self, message: Message) -> None:
        """Return once the mail was accepted. Raises DeliveryFailed, which says whether trying again may help."""
        ...


class RevocationList(Protocol):
    """How guards learn of ended sessions without a read per request (P4)."""

    def is_revoked(self, session_id: str) -> bool:
        """Whether this session ended within one access token's life. Raises Unavailable when out of touch."""
        ...

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """Tell all guards of this process, at once."""
        ...
