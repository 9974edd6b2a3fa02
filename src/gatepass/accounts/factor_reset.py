"""Removes all factors of an account whose owner has lost them, and keeps them where that was only asked for."""

from collections.abc import Callable

from gatepass.accounts.code_throttle import CodeThrottle
from gatepass.core import event as events
from gatepass.core.event import Event
from gatepass.core.event.factor import CancelledBy
from gatepass.core.factor import FactorRecovery
from gatepass.ports import Clock, Store


class FactorReset:
    """Passkeys, the authenticator app, recovery codes, and the time to enrol. The password and identities stay."""

    def __init__(self, store: Store, *, throttle: CodeThrottle, clock: Clock, report: Callable[[Event], None]) -> None:
        self._store = store
        self._throttle = throttle
        self._clock = clock
        self._report = report

    async def reset(self, account_id: str) -> bool:
        """Remove them for an administrator, and what was counted against their codes. Sessions stay.

        False if there is no such account.
        """
        account = await self._store.find_account(account_id)
        if account is None or not await self._store.reset_factors(account_id):
            return False
        await self._throttle.clear_codes(account)
        self._report(events.FactorsReset(at=self._clock.now(), account_id=account_id, by="administrator"))
        return True

    async def complete_recovery(self, account_id: str, *, ip_prefix: str) -> bool:
        """Remove them for the owner, after the waiting time.

        False, and nothing changes, if no recovery is ready (any more). Sessions stay.
        """
        account, now = await self._store.find_account(account_id), self._clock.now()
        if account is None or not await self._store.end_factor_recovery(account_id, now=now):
            return False
        await self._throttle.clear_codes(account)
        self._report(events.FactorsReset(at=now, address=ip_prefix, account_id=account_id, by="owner"))
        return True

    async def pending_recovery(self, account_id: str) -> FactorRecovery | None:
        """What the owner has asked for, ready or not. None if there is nothing, or if it is void."""
        found = await self._store.find_factor_recovery(account_id)
        return found if found is not None and self._clock.now() < found.ends_at else None

    async def cancel_recovery(self, account_id: str, *, by: CancelledBy, ip_prefix: str = "") -> bool:
        """End a recovery, and tell the owner: the factors stay. False if there is none."""
        if await self._store.find_factor_recovery(account_id) is None:  # at nearly every sign-in: a read alone
            return False
        if not await self._store.cancel_factor_recovery(account_id):
            return False
        now = self._clock.now()
        self._report(events.FactorRecoveryCancelled(at=now, address=ip_prefix, account_id=account_id, by=by))
        return True
