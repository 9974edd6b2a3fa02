"""Second factors in a store: passkeys, TOTP, recovery codes, and what may be used once."""

from collections.abc import Sequence
from typing import Protocol

from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp


class FactorStore(Protocol):
    """The factors of accounts. Each verb is one step.

    What changes the factors of an account raises its credential version, so that a sign-in, a ticket or a link that
    was under way is void, and ends a recovery that was asked for. Sessions stay. A use changes no factor. Where the
    account has neither a passkey nor a confirmed TOTP afterwards, its recovery codes are deleted.
    """

    async def add_passkey(self, passkey: Passkey, *, credential_version: int, limit: int) -> bool:
        """Add a passkey if its account is enabled, still has this credential version and has fewer than `limit`.

        False if not, or if there is a passkey of this credential id, of any account, or of this id.
        """

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """The passkey of a credential, or None."""

    async def list_passkeys(self, account_id: str) -> Sequence[Passkey]:
        """The passkeys of an account, oldest first."""

    async def rename_passkey(self, passkey_id: str, *, account_id: str, name: str) -> bool:
        """Name a passkey of an account. False if it has none of this id."""

    async def use_passkey(self, credential_id: bytes, *, sign_count: int, is_backed_up: bool, now: int) -> bool:
        """Record a use of a passkey: its count, whether it is backed up, and when.

        False, and nothing changes, if there is none, or if the count did not rise although one of the two is not 0:
        then the authenticator, or the answer, is a copy (WebAuthn L3 §6.1.1). Of two at once with one count one fails.
        """

    async def remove_passkey(self, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        """Remove a passkey of an account. None if it has none of this id.

        With `needs_another`: False, and nothing changes, if the account would have no password, no identity and no
        passkey then. Of two at once the second sees what the first has left.
        """

    async def put_totp(self, totp: Totp, *, credential_version: int) -> bool:
        """Add a TOTP that is not confirmed, in place of another such one. The version stays.

        False if the account has a confirmed one, is disabled, or has another version.
        """

    async def find_totp(self, account_id: str) -> Totp | None:
        """The TOTP of an account, confirmed or not, or None."""

    async def confirm_totp(
        self,
        account_id: str,
        *,
        sealed: bytes,
        step: int,
        recovery_codes: Sequence[bytes],
        credential_version: int,
        now: int,
    ) -> bool:
        """Confirm the TOTP that is `sealed` so, with the step of its first code, and set these recovery codes.

        False if the account has another one, a confirmed one, or another version, or is disabled.
        """

    async def use_totp(self, account_id: str, *, step: int) -> bool:
        """Record that a code of `step` was used. False if there is no confirmed TOTP, or `step` is not later."""

    async def remove_totp(self, account_id: str, *, credential_version: int) -> bool:
        """Remove the TOTP of an account, confirmed or not. False if there is none, or the version is another."""

    async def list_totps_under(self, *, key_id: int, after: str, limit: int) -> Sequence[Totp]:
        """At most `limit` TOTPs that are sealed under the secret of `key_id` (their first byte), by account id.

        Only those of accounts whose ids come later than `after`, in an order of the store's own; "" comes before all.
        """

    async def reseal_totp(self, account_id: str, *, before: bytes, after: bytes) -> bool:
        """Store the same secret under another seal. False if it is no longer sealed as `before`. The version stays."""

    async def set_recovery_codes(
        self, account_id: str, digests: Sequence[bytes], *, credential_version: int, now: int
    ) -> bool:
        """Replace the recovery codes of an account by their digests.

        False if the account has no second factor, is disabled, or has another version.
        """

    async def use_recovery_code(self, account_id: str, digest: bytes, *, now: int) -> int | None:
        """Use up a recovery code. Returns how many are left, or None if there is no unused one of this digest."""

    async def factors(self, account_id: str) -> FactorSummary:
        """What factors an account has, in one read."""

    async def set_enrol_by(self, account_id: str, at: int) -> int:
        """Set until when an account may be without a second factor. Returns what holds: the first that was set."""

    async def reset_factors(self, account_id: str) -> bool:
        """Remove all factors, recovery codes and `enrol_by` of an account. False if there is no such account."""

    async def start_factor_recovery(
        self, account_id: str, *, credential_version: int, ready_at: int, now: int
    ) -> FactorRecovery | None:
        """Record that the owner asked to have the factors removed. Returns the one that holds: the first.

        None if the account is absent or disabled, has another version, or has no second factor. Besides a change of
        factors, a change of the password or the address and disabling the account end it in their own step.
        """

    async def find_factor_recovery(self, account_id: str) -> FactorRecovery | None:
        """The recovery that was asked for, or None."""

    async def cancel_factor_recovery(self, account_id: str) -> bool:
        """Forget the recovery. False if there is none."""

    async def end_factor_recovery(self, account_id: str, *, now: int) -> bool:
        """As `reset_factors`, if a recovery was asked for and is ready. False, and nothing changes, if not."""

    async def prune_factor_recoveries(self, *, before: int, limit: int) -> int:
        """Delete at most `limit` recoveries that were ready before `before`. Returns the number deleted."""

    async def use_once(self, key: bytes, *, until: int, now: int) -> bool:
        """Whether this is the first use of a key (16 to 64 bytes). It is remembered until `until` at least."""

    async def prune_used(self, *, before: int, limit: int) -> int:
        """Delete at most `limit` keys that were to be remembered until a time before `before`; how many."""
