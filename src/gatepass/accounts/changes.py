"""The journal of accounts: the application hears of each that was made, changed or deleted, at least once and in order.

    store: account written + entry written      one transaction
    hand out the oldest entry of the account → call the hooks → end the entry      or put it off, and try again

The entry is written by the store with the account itself, whichever way the account came: a form, a command, an import,
another program. So a crash between the commit and the hook loses nothing. What made the change hands its own entry out
at once and waits for the hooks; what failed, or was left by a process that died, is found by `run`, in any process of
the application. Only the oldest entry of an account is ever handed out, and for a time in which no other process gets
it: a profile is not made after it was deleted.

An entry has no personal data, but for what a registration brought for its hooks, until they have had it.
"""

import asyncio
import logging
from typing import Any

from pydantic import ValidationError

from gatepass.accounts.hooks import HOOK_TIMEOUT, Hooks
from gatepass.core.claims import AccountFacts
from gatepass.core.hook_facts import AccountChange, HookFacts
from gatepass.core.policy import DAY, MINUTE
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, Store
from gatepass.supervisor import Alive, ignore
from gatepass.wire.extra_members import Extras, read_kept

logger = logging.getLogger("gatepass.server")

LOOK_INTERVAL = 5.0
"""Seconds between two looks for entries that were left."""
HEAD_START = 10
"""Seconds in which what made a change hands its entry out itself, before others take it for left."""
LEASE = 60
"""Seconds that an entry is handed out for, beside the time of its hooks: then its process is taken for dead."""
FIRST_DELAY = 5
MAX_DELAY = 5 * MINUTE
"""Seconds until an entry whose hook failed is handed out again: doubled with each failure."""
MAX_BATCH = 100
RETENTION = 30 * DAY
"""Seconds that an entry waits for an application that has hooks: one that has none needs no journal."""


class Changes:
    """Calls the hooks of one gate with the entries of the journal."""

    def __init__(self, store: Store, *, hooks: Hooks, clock: Clock) -> None:
        self._store = store
        self._hooks = hooks
        self._clock = clock

    async def deliver(self, account_id: str) -> None:
        """Call the hooks with what the journal has of an account, in order, until one fails or all are told.

        Raises nothing: what could not be told now is told later.
        """
        if not self._hooks.follows_accounts:
            return
        try:
            while (change := await self._take(account_id)) is not None:
                if not await self._tell(change):
                    return
        except StoreUnavailable:
            logger.warning("a change of an account is told to the hooks later: the store does not answer")

    async def run(self, alive: Alive = ignore) -> None:
        """Look for entries that were left, at intervals, until cancelled."""
        while True:
            try:
                await self.deliver_left()
                alive()
            except StoreUnavailable:
                logger.warning("the store is unavailable; the hooks are told later", exc_info=True)
            await asyncio.sleep(LOOK_INTERVAL)

    async def deliver_left(self) -> int:
        """Call the hooks with every entry that is due and was left; how many were told. Raises StoreUnavailable."""
        told = 0
        while self._hooks.follows_accounts:
            now = self._clock.now()
            left = await self._store.take_changes(
                now=now, until=now + self._lease(), noticed_before=now - HEAD_START, limit=MAX_BATCH
            )
            # At once, but each account's in its order: a hook that hangs must not hold up the others.
            done = await asyncio.gather(*map(self._tell_all_of, left))
            told += sum(done)
            if not any(done):
                break
        return told

    async def _tell_all_of(self, change: AccountChange) -> int:
        told = 0
        following: AccountChange | None = change
        while following is not None and await self._tell(following):
            told += 1
            following = await self._take(change.account_id)
        return told

    async def _take(self, account_id: str) -> AccountChange | None:
        now = self._clock.now()
        return await self._store.take_change(account_id, now=now, until=now + self._lease())

    async def _tell(self, change: AccountChange) -> bool:
        """Call the hooks with one entry, and end it or put it off."""
        if await self._is_told(change):
            await self._store.end_change(change)
            return True
        delay = min(MAX_DELAY, FIRST_DELAY * 2 ** min(change.tries - 1, 10))
        await self._store.put_off_change(change, until=self._clock.now() + delay)
        return False

    async def _is_told(self, change: AccountChange) -> bool:
        account = None
        if change.kind != "delete":
            account = await self._store.find_account(change.account_id)
            if account is None:  # it was deleted meanwhile, which the next entry says
                return True
        facts: HookFacts[Any] = HookFacts(
            kind=change.kind,
            account_id=change.account_id,
            email=account.email if account else "",
            account=AccountFacts.of(account) if account else None,
        )
        try:
            extras = self._extras(change)
        except ValidationError as misfit:
            logger.error("what a registration brought does not fit the model of the hooks any more: %s", misfit)
            extras = Extras()
        return await self._hooks.tell(facts, extras)

    def _extras(self, change: AccountChange) -> Extras:
        if change.kind != "register" or not change.extra:
            return Extras()
        models = {hook.extra for hook in self._hooks.of("after", "register") if hook.extra}
        return Extras({model: read_kept(model, change.extra) for model in models})

    def _lease(self) -> int:
        hooks = [hook for kind in ("register", "change_email", "delete") for hook in self._hooks.of("after", kind)]
        return LEASE + int(max(HOOK_TIMEOUT, sum(hook.timeout for hook in hooks)))
