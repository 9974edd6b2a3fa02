"""What an administrator does, by command or from an application, and the trail of it.

    await gate.administration.disable_account(account_id, by="ann@example.com")

Each act is written to the audit trail before it is done: nothing is done without an entry, and a crash between the two
leaves an entry of what was only begun. What owners do to their own accounts are events, not administration.
"""

from collections.abc import Sequence

from gatepass.accounts.factor_reset import FactorReset
from gatepass.accounts.identities import Identities
from gatepass.accounts.service import Accounts
from gatepass.core.account import Account
from gatepass.core.audit import MAX_ACTOR, MAX_DETAIL, AuditAction, AuditEntry
from gatepass.core.secret import Secret
from gatepass.core.session_id import SessionId, sid_of
from gatepass.core.stored_key import StoredKey
from gatepass.ports import AuditStore, Clock, Entropy
from gatepass.sessions.changed_claims import SPREAD, ChangedClaims
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import PUBLISHED_BEFORE_USE, SigningKeys
from gatepass.wire.bodies import parse_email


class Administration:
    """`by` names who acts, in one line: a person of the application, or a user of the machine.

    Every act raises StoreUnavailable before anything was done if the trail cannot be written, and ValueError for a `by`
    that is empty.
    """

    def __init__(
        self,
        store: AuditStore,
        *,
        accounts: Accounts,
        identities: Identities,
        factors: FactorReset,
        sessions: Sessions,
        keys: SigningKeys,
        claims: ChangedClaims,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._identities = identities
        self._factors = factors
        self._sessions = sessions
        self._keys = keys
        self._changed_claims = claims
        self._clock = clock
        self._entropy = entropy

    async def note(self, action: AuditAction, target: str, *, by: str, detail: str = "") -> None:
        """Write an entry about something that is about to be done."""
        if not by.strip() or len(by) > MAX_ACTOR or not by.isprintable():
            raise ValueError(f"`by` must name who acts, in one line of at most {MAX_ACTOR} characters")
        entry = AuditEntry(self._clock.now(), by, action, target, detail[:MAX_DETAIL])
        await self._store.add_audit(entry)

    async def entries(self, *, before: int | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """At most `limit` entries, newest first; `before` is the number of the last one of the page before."""
        return await self._store.list_audit(before=before, limit=limit)

    async def add_account(self, email: str, password: str | Secret, *, by: str) -> Account:
        """Make an account, also where registration is closed. No hook before `register` is asked; those after are told.

        Raises Unprocessable (`invalid-body`, `password-…`), Conflict (`email-taken`) or Overloaded.
        """
        secret = password if isinstance(password, Secret) else Secret(password)
        del password  # crash reports show local variables
        display, email_key = parse_email(email)
        account_id = self._entropy.token_bytes(16).hex()
        await self.note("account-added", account_id, by=by)
        return await self._accounts.add(display, secret, email_key=email_key, account_id=account_id)

    async def disable_account(self, account_id: str, *, by: str) -> bool:
        """As `Accounts.disable`."""
        await self.note("account-disabled", account_id, by=by)
        return await self._accounts.disable(account_id)

    async def enable_account(self, account_id: str, *, by: str) -> bool:
        """As `Accounts.enable`."""
        await self.note("account-enabled", account_id, by=by)
        return await self._accounts.enable(account_id)

    async def delete_account(self, account_id: str, *, by: str) -> bool:
        """As `Accounts.delete`."""
        await self.note("account-deleted", account_id, by=by)
        return await self._accounts.delete(account_id)

    async def verify_address(self, email_key: str, *, by: str, registration_id: str | None = None) -> Account | None:
        """As `Accounts.verify_address`."""
        account = await self._accounts.find_by_email(email_key)
        target, detail = (account.id, "") if account else ("", "a pending registration")
        await self.note("account-verified", target, by=by, detail=detail)
        return await self._accounts.verify_address(email_key, registration_id=registration_id)

    async def unlink_identity(
        self, account_id: str, identity_id: str, *, by: str, is_last_allowed: bool = False
    ) -> None:
        """As `Identities.unlink`."""
        await self.note("identity-unlinked", account_id, by=by, detail=identity_id)
        await self._identities.unlink(account_id, identity_id, is_last_allowed=is_last_allowed)

    async def reset_factors(self, account_id: str, *, by: str) -> bool:
        """Remove all factors of an account whose owner has lost them, and tell the owner. False if there is none.

        The password alone signs in then: make sure who asks.
        """
        await self.note("factors-reset", account_id, by=by)
        return await self._factors.reset(account_id)

    async def cancel_factor_recovery(self, account_id: str, *, by: str) -> bool:
        """End what was asked for lost factors, and tell the owner: the factors stay. False if there is nothing."""
        await self.note("factor-recovery-cancelled", account_id, by=by)
        return await self._factors.cancel_recovery(account_id, by="administrator")

    async def end_session(self, sid: SessionId, *, by: str) -> bool:
        """End one session. True if this call ended it, False if it was over before."""
        sid = sid_of(sid)
        await self.note("session-ended", sid.hex(), by=by)
        return await self._sessions.revoke(sid, reason="revoked")

    async def end_sessions(self, account_id: str, *, by: str, keep: SessionId | None = None) -> int:
        """End all sessions of an account except `keep`. Returns the number ended."""
        kept = None if keep is None else sid_of(keep)
        await self.note("sessions-ended", account_id, by=by, detail=f"all but {kept.hex()}" if kept else "")
        return await self._sessions.revoke_all(account_id, reason="revoked", keep=kept)

    async def end_all_sessions(self, *, by: str, begun_before: int | None = None) -> int:
        """As `Sessions.revoke_everything`."""
        await self.note("all-sessions-ended", "", by=by, detail=f"begun before {begun_before}" if begun_before else "")
        return await self._sessions.revoke_everything(begun_before=begun_before)

    async def refresh_claims(self, account_id: str, *, by: str) -> None:
        """As `gate.refresh_claims`."""
        await self.note("claims-refreshed", account_id, by=by)
        await self._changed_claims.refresh_claims(account_id)

    async def refresh_claims_of_all(self, *, by: str, within: int = SPREAD) -> None:
        """As `gate.refresh_claims_of_all`."""
        await self.note("claims-refreshed", "", by=by, detail=f"all accounts within {within} s")
        await self._changed_claims.refresh_claims_of_all(within=within)

    async def rotate_key(self, *, by: str, after: int = PUBLISHED_BEFORE_USE) -> StoredKey:
        """As `SigningKeys.rotate`."""
        await self.note("key-made", "", by=by, detail=f"signs after {after} s")
        return await self._keys.rotate(after=after)

    async def retire_key(self, kid: str, *, by: str, at_once: bool = False) -> StoredKey | None:
        """As `SigningKeys.retire`."""
        await self.note("key-retired", kid, by=by, detail="at once" if at_once else "")
        return await self._keys.retire(kid, at_once=at_once)
