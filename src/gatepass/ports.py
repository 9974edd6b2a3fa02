"""What the outside must supply. Services know these protocols and never a concrete store.

The contract that all stores share:
* "Not found" is a value (None, False, an empty tuple). An exception means the store is ill, and is always
  StoreUnavailable: the caller answers 503 and nothing is decided.
* A store moves data and compares. It knows no rule of PROTOCOL §4 but the version that a swap expects, and asks no
  clock: times come in.
* `add` and `revoke` return only when durable; `swap` may be lost in a fail-over (the table recovers it).
* One verb per intent. `gatepass.testing.battery.StoreBattery` is this contract as tests.
"""

from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.audit import AuditEntry
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.hook_facts import AccountChange
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey
from gatepass.errors import StoreUnavailable


class Clock(Protocol):
    """The current time, as the rules of the protocol use it."""

    def now(self) -> int:
        """Unix time in whole seconds."""


class Entropy(Protocol):
    """The source of all tokens, nonces and keys. Must be cryptographically secure."""

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes that no caller can predict."""


class PasswordHasher(Protocol):
    """Slow hashing off the event loop. Gatepass bounds how many calls run and how many wait."""

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password matches the hash; None never does. The same work for None and every kind expected."""

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than the current ones."""

    def expect(self, hashes: Iterable[str]) -> None:
        """Be told which kinds of hashes there are: one example of each, in place of those told before."""


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


class AccountStore(Protocol):
    """Accounts by id and by normalised e-mail address."""

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        """Add an account, with `extra` in its entry of the journal. Returns False if its address or its id is taken."""

    async def find_account(self, account_id: str) -> Account | None:
        """The account with this id, or None."""

    async def find_account_by_email(self, email_key: str) -> Account | None:
        """The account with this normalised address, or None."""

    async def change_password(
        self,
        account_id: str,
        *,
        password_hash: str,
        credential_version: int,
        now: int,
        keep: bytes | None,
        drop_identities: bool = False,
    ) -> Sequence[bytes] | None:
        """In one step: set the hash, raise the version, and revoke all sessions except `keep` (as "revoked").

        With `drop_identities` no identity signs in to the account any more.

        Returns the sids revoked, or None if the account is absent or its version is no longer `credential_version`.
        """

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        """Store the same password under stronger parameters. Returns False if the version has changed."""

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """In one step: disable an account, raise its version, and revoke its sessions.

        Returns their sids, or None if it is absent. The version voids what was prepared before: mailed links, and
        changes that are under way.
        """

    async def enable_account(self, account_id: str) -> bool:
        """Enable a disabled account. Returns False if it is absent."""

    async def delete_account(
        self, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        """In one step: revoke its sessions and delete the account. Its address and its identities are free at once.

        Returns the sids revoked, which `revoked_since` still lists, or None if the account is absent or has another
        version than `credential_version`, where one is given.
        """

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        """Set the address and when it was verified, None for not at all, and raise the version. Sessions stay.

        Returns False if another account has the address, None if the account is absent or has another version.
        """

    async def sample_password_hashes(self) -> Sequence[str]:
        """One password hash of each kind that accounts have: same algorithm, same parameters (`rows.hash_kind`)."""

    async def verify_account(self, account_id: str, *, now: int) -> bool:
        """Mark the address of an account as verified. Returns False if the account is absent."""

    async def list_accounts(self, *, after: str, limit: int) -> Sequence[Account]:
        """At most `limit` accounts with ids greater than `after` ("" starts at the first), ordered by id."""

    async def add_registration(self, pending: PendingRegistration) -> None:
        """Add a pending registration. Several may have the same address."""

    async def find_registration(self, registration_id: str) -> PendingRegistration | None:
        """The pending registration with this id, or None."""

    async def find_registrations(self, email_key: str) -> Sequence[PendingRegistration]:
        """All pending registrations with this normalised address, newest first."""

    async def confirm_registration(self, registration_id: str, account: Account) -> bool:
        """In one step: add the account and delete all pending registrations with its address.

        Its entry of the journal has the `extra` of the one that is confirmed. Returns False if the registration is
        absent or the address is taken.
        """

    async def prune_registrations(self, *, before: int, limit: int) -> int:
        """Delete at most `limit` pending registrations created before `before`. Returns the number deleted."""


class ChangeStore(Protocol):
    """The journal of accounts, for the hooks of the application: an entry for each that was made, changed or deleted.

    Every verb that adds an account, changes its `email` or deletes it writes the entry in the same step, and deleting
    an account also empties the `extra` of its entries. Entries of one account are numbered in the order of its changes.
    """

    async def take_change(self, account_id: str, *, now: int, until: int) -> AccountChange | None:
        """Hand out the oldest entry of an account, if it is due: to no other caller before `until`. `tries` rises."""

    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Sequence[AccountChange]:
        """Hand out at most `limit` entries as `take_change`, the oldest of each account, lowest numbers first.

        Notes `now` in entries that no call has noticed yet, and leaves out those noticed after `noticed_before`.
        """

    async def end_change(self, change: AccountChange) -> None:
        """Delete an entry, unless it was handed out again since."""

    async def put_off_change(self, change: AccountChange, *, until: int) -> None:
        """Make an entry due at `until`, unless it was handed out again since."""

    async def prune_changes(self, *, now: int, before: int, limit: int) -> int:
        """Delete at most `limit` entries that were noticed before `before`; how many. Notes `now` in new ones."""


class IdentityStore(Protocol):
    """Identities at providers, each with one account, and the sessions that began there."""

    async def add_identity(self, identity: LinkedIdentity, *, credential_version: int) -> bool:
        """Add an identity if its account is enabled and still has this credential version.

        False if not, or if an account has this identity already, or one of this id.
        """

    async def add_account_of(self, account: Account, identity: LinkedIdentity) -> bool:
        """In one step: add an account and its identity. False if address, id or identity is taken."""

    async def use_identity(
        self, issuer: str, subject: str, *, provider: str, email: str, now: int
    ) -> LinkedIdentity | None:
        """Record a use of an identity: the provider's name, what address it says, and when. None if there is none."""

    async def list_identities(self, account_id: str) -> Sequence[LinkedIdentity]:
        """The identities of an account, oldest first."""

    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        """In one step: remove an identity of an account, and raise the version of the account. Sessions stay.

        None if the account has none of this id. With `needs_another`: False, and nothing changes, if the account would
        have neither a password nor an identity then. Of two at once the second sees what the first has left.
        """

    async def add_provider_session(self, began: ProviderSession) -> None:
        """Record where a session will begin, before it is added. Nothing if there is no such account."""

    async def find_provider_session(self, sid: bytes) -> ProviderSession | None:
        """Where a session began; None if that was at no provider."""

    async def end_provider_sessions(
        self, issuer: str, *, subject: str | None, provider_sid: str | None, issued_by: int, now: int
    ) -> Sequence[bytes]:
        """Set `ended_at` for the sessions that began in this session, or for this subject, of a provider; one is given.

        Only those of an ID token that was issued at `issued_by` or before. With both a subject and a sid: those that
        have both, and those of the subject that have no sid. Returns the sids, those that had ended before too. As
        durable as `revoke`.
        """

    async def prune_provider_sessions(self, *, before: int, limit: int) -> int:
        """Delete at most `limit` records of sessions that expired before `before`. Returns the number deleted."""


class Attempts(NamedTuple):
    """Failed attempts under one key since the last success, and when the last one was (Unix seconds)."""

    failures: int
    last_at: int


class AttemptStore(Protocol):
    """Counts of failed sign-ins: by opaque key, bounded in number, and one that lasts as long as its account."""

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        """The counts of these keys, in the same order. An unknown key has zero failures."""

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        """Raise each count by one. A count last raised before `forget_before` starts again at one."""

    async def take_back_failure(self, key: str) -> None:
        """Lower the count of a key by one, if it has one."""

    async def clear_attempts(self, key: str) -> None:
        """Delete the count of a key, after a successful sign-in."""

    async def lasting_failures(self, email_key: str, *, key: str) -> Attempts:
        """The count in the row of the account with this address; without an account, that of `key`."""

    async def count_lasting_failure(self, email_key: str, *, key: str, now: int, forget_before: int) -> None:
        """Raise what `lasting_failures` returns, as `count_failure`. The same work with an account and without one."""

    async def clear_lasting_failures(self, email_key: str, *, key: str) -> None:
        """Delete what `lasting_failures` returns, and the count of `key` in any case."""

    async def prune_attempts(self, *, before: int, keep: str, limit: int) -> int:
        """Delete counts last raised before a time, at most `limit`, without keys that begin with `keep`; how many."""


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


class Store(
    SessionStore,
    AccountStore,
    IdentityStore,
    ChangeStore,
    AttemptStore,
    KeyStore,
    EpochStore,
    ClaimsStore,
    AuditStore,
    Protocol,
):
    """All nine on one engine, opened and closed together.

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


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, as plain text. `to` is a single address. The text may hold a link that gives access to an account."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Hands mail to the system that delivers it."""

    def send(self, message: Message) -> Awaitable[None] | None:
        """Return once the mail is accepted. Raises DeliveryFailed, which says whether trying again may help.

        Async or plain; a plain one runs on a thread.
        """
