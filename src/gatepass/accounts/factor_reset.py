"""Removes all factors of an account whose owner has lost them."""

from collections.abc import Callable

from gatepass.accounts.code_throttle import CodeThrottle
from gatepass.core import event as events
from gatepass.core.event import Event, ResetBy
from gatepass.ports import Clock, Store


class FactorReset:
    """Passkeys, the authenticator app, recovery codes, and the time to enrol. The password and identities stay."""

    def __init__(self, store: Store, *, throttle: CodeThrottle, clock: Clock, report: Callable[[Event], None]) -> None:
        self._store = store
        self._throttle = throttle
        self._clock = clock
        self._report = report

    async def reset(self, account_id: str, *, by: ResetBy) -> bool:
        """Remove them, and what was counted against their codes. Sessions stay. False if there is no such account."""
        account = await self._store.find_account(account_id)
        if account is None or not await self._store.reset_factors(account_id):
            return False
        await self._throttle.clear_codes(account)
        self._report(events.FactorsReset(at=self._clock.now(), account_id=account_id, by=by))
        return True
