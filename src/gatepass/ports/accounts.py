"""Accounts in a store: with their registrations, identities, journal and failed sign-ins."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.hook_facts import AccountChange
from gatepass.core.identity import LinkedIdentity, ProviderSession


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
        drop_others: bool = False,
    ) -> Sequence[bytes] | None:
        """In one step: set the hash, raise the version, and revoke all sessions except `keep` (as "revoked").

        What was asked for lost factors is ended too (`FactorStore.start_factor_recovery`).

        With `drop_others` the new password is the only first step: all identities and passkeys of the account are
        deleted. Its authenticator app stays, and its recovery codes too, unless a passkey was the last second factor.

        Returns the sids revoked, or None if the account is absent or its version is no longer `credential_version`.
        """

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        """Store the same password under stronger parameters. Returns False if the version has changed."""

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """In one step: disable an account, raise its version, revoke its sessions, and end a recovery of its factors.

        Returns their sids, or None if it is absent. The version voids what was prepared before: mailed links, and
        changes that are under way.
        """

    async def enable_account(self, account_id: str) -> bool:
        """Enable a disabled account. Returns False if it is absent."""

    async def delete_account(
        self, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        """In one step: revoke its sessions and delete the account, its identities and its factors.

        Its address and its identities are free at once. Returns the sids revoked, which `revoked_since` still lists, or
        None if the account is absent or has another version than `credential_version`, where one is given.
        """

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        """In one step: set the address and when it was verified, None for not at all, and raise the version.

        A recovery of its factors is ended. Sessions stay.

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
        have no password, no identity and no passkey then. Of two at once the second sees what the first has left.
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
