"""One store made of two: sessions in one, accounts, attempts and signing keys in the other.

No transaction spans both, so the order of the steps does what one would. A sign-in is handed out only at its end:

    add      account as expected?  ·  session written  ·  account held?  ·  account still as expected?  ·  handed out

A new password, and the disabling of an account, hold the account while they last:

    change   hold  ·  end the sessions  ·  write the account  ·  end the sessions  ·  release

Wherever a change crashes, every session that lives was begun under what the account then says. Take one that was begun
under the old password and handed out, though the account has a new one. If it looked for a hold before there was one,
it was written before the sessions were ended, which ends it. If it looked while there was one, it was refused. If the
hold was over, so was the write (not begun later than WRITE_WITHIN after the hold, which lasts HOLD), and its last look
at the account saw that. Before the write, sessions may have ended that need not have: nobody was promised otherwise,
and the change was not acknowledged. Ending them again after the write is for an engine that lost the hold in a
fail-over.

A sign-in that finds a hold, or crashes half-way, was never handed out; what it leaves is a session that nobody can use.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Revocation, SessionStore, Store, Subscription
from gatepass.stores.combined.accounts import DelegatedAccounts

Result = TypeVar("Result")
HOLD = 60
"""Seconds after which a hold ends by itself, whatever became of who took it: sign-ins of the account wait as long."""
WRITE_WITHIN = 15.0
"""Seconds from the hold to the write of the account, which takes the account's store less than HOLD minus this."""
PATIENCE = 5.0
"""Seconds that a sign-in waits for a change of its account to end."""
LOOK_INTERVAL = 0.02
"""Seconds between two looks whether it has."""


class SessionEngine(SessionStore, Protocol):
    """A store for sessions alone, with a life cycle. Its `add` knows no accounts: False is only a sid that exists."""

    is_shared: bool

    async def open(self) -> None:
        """As in ports.Store."""
        ...

    async def close(self) -> None:
        """As in ports.Store."""
        ...

    async def ping(self) -> None:
        """As in ports.Store."""
        ...


@runtime_checkable
class Holder(Protocol):
    """What keeps sign-ins of an account away while it is being changed."""

    async def hold(self, account_id: str, *, by: bytes, seconds: int) -> None:
        """Let `is_held` say yes until this one releases it, and at most so long. As durable as a revocation."""
        ...

    async def release(self, account_id: str, *, by: bytes) -> None:
        """Take a hold back; others' remain."""
        ...

    async def is_held(self, account_id: str) -> bool:
        """Whether anybody holds an account."""
        ...


class CombinedStore(DelegatedAccounts):
    """A `ports.Store` over an engine for sessions and a store for everything else."""

    def __init__(self, *, sessions: SessionEngine, accounts: Store) -> None:
        """Raises ConfigurationError where `sessions` is a store that looks for accounts of its own."""
        if not isinstance(sessions, Holder):
            raise ConfigurationError(
                "SESSIONS must be a Redis store; in SQL sessions live with their accounts (STORE)."
            )
        self._holder: Holder = sessions
        self.sessions = sessions
        self.accounts = accounts
        self.is_shared = sessions.is_shared and accounts.is_shared
        self._tasks: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"CombinedStore(sessions={self.sessions!r}, accounts={self.accounts!r})"

    async def open(self) -> None:
        """Both, or neither."""
        await self.accounts.open()
        try:
            await self.sessions.open()
        except BaseException:
            await self.accounts.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then both, whatever becomes of the first."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await self.sessions.close()
        finally:
            await self.accounts.close()

    async def ping(self) -> None:
        """Both can write."""
        await self.sessions.ping()
        await self.accounts.ping()

    async def add(self, session: Session, *, credential_version: int) -> bool:
        """Write it, then look whether the account may still have it."""
        return await self._whole(self._add(session, credential_version))

    async def find(self, sid: bytes) -> Session | None:
        """From the sessions."""
        return await self.sessions.find(sid)

    async def swap(self, swap: Swap) -> Session | None:
        """On the sessions."""
        return await self.sessions.swap(swap)

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        """On the sessions."""
        return await self.sessions.revoke(sid, reason=reason, now=now)

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        """On the sessions."""
        return await self.sessions.revoke_all(account_id, reason=reason, now=now, keep=keep)

    async def of_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        """From the sessions."""
        return await self.sessions.of_account(account_id, now=now)

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        """From the sessions."""
        return await self.sessions.revoked_since(since)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        """To both: the accounts' store tells of new signing keys."""
        async with self.sessions.subscribe() as sessions, self.accounts.subscribe() as accounts:
            both = _Both(sessions, accounts)
            try:
                yield both
            finally:
                await both.close()

    async def prune(self, *, before: int, limit: int) -> int:
        """On the sessions. Accounts leave nothing behind where their store has no sessions."""
        return await self.sessions.prune(before=before, limit=limit)

    async def change_password(
        self, account_id: str, *, password_hash: str, credential_version: int, now: int, keep: bytes | None
    ) -> Sequence[bytes] | None:
        """See the head."""
        account = await self.accounts.find_account(account_id)
        if account is None or account.credential_version != credential_version:
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.change_password(
                account_id, password_hash=password_hash, credential_version=credential_version, now=now, keep=keep
            )

        return await self._whole(self._end_around(write, account_id, now=now, keep=keep))

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """See the head."""
        if await self.accounts.find_account(account_id) is None:
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.disable_account(account_id, now=now)

        return await self._whole(self._end_around(write, account_id, now=now, keep=None))

    async def delete_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        """See the head."""
        if await self.accounts.find_account(account_id) is None:
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.delete_account(account_id, now=now)

        return await self._whole(self._end_around(write, account_id, now=now, keep=None))

    async def _add(self, session: Session, credential_version: int) -> bool:
        if not await self._may_sign_in(session.account_id, credential_version):
            return False
        if not await self.sessions.add(session, credential_version=credential_version):
            return False
        is_held = await self._holder.is_held(session.account_id)
        if not is_held and await self._may_sign_in(session.account_id, credential_version):
            return True
        await self.sessions.revoke(session.sid, reason="revoked", now=session.created_at)
        if is_held:
            await self._until_released(session.account_id)
            if await self._may_sign_in(session.account_id, credential_version):
                raise StoreUnavailable("The account was being changed, but is not; try again.")
        return False

    async def _until_released(self, account_id: str) -> None:
        """Wait for the end of a change, which takes milliseconds, or for what a crashed one left: not to its end."""
        end = time.monotonic() + PATIENCE
        while await self._holder.is_held(account_id):
            if time.monotonic() > end:
                raise StoreUnavailable("The account is being changed; try again.")
            await asyncio.sleep(LOOK_INTERVAL)

    async def _may_sign_in(self, account_id: str, credential_version: int) -> bool:
        account = await self.accounts.find_account(account_id)
        return account is not None and account.disabled_at is None and account.credential_version == credential_version

    async def _end_around(
        self, write: Callable[[], Awaitable[Sequence[bytes] | None]], account_id: str, *, now: int, keep: bytes | None
    ) -> Sequence[bytes] | None:
        """Write an account between two endings of its sessions, while nobody can sign in to it."""
        started, holder = time.monotonic(), secrets.token_bytes(16)
        await self._holder.hold(account_id, by=holder, seconds=HOLD)
        before = await self.sessions.revoke_all(account_id, reason="revoked", now=now, keep=keep)
        if time.monotonic() - started > WRITE_WITHIN:
            raise StoreUnavailable
        written = await write()
        after = await self.sessions.revoke_all(account_id, reason="revoked", now=now, keep=keep)
        await self._holder.release(account_id, by=holder)
        return None if written is None else (*before, *after)

    async def _whole(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which goes on to its end when the caller is cancelled. `close` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)


class _Both:
    """What either tells."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self._subscriptions = subscriptions
        self._tasks: dict[Subscription, asyncio.Task[Sequence[Revocation]]] = {}

    async def next(self, within: float) -> Sequence[Revocation]:
        """As in ports.Subscription. Empty where either says that somebody should look."""
        for subscription in self._subscriptions:
            if subscription not in self._tasks:  # else it still waits, from the last call on
                self._tasks[subscription] = asyncio.ensure_future(subscription.next(within))
        done, _ = await asyncio.wait(self._tasks.values(), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        self._tasks = {subscription: task for subscription, task in self._tasks.items() if task not in done}
        told = [task.result() for task in done]
        return () if not all(told) else tuple(revocation for each in told for revocation in each)

    async def close(self) -> None:
        """Stop waiting."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
