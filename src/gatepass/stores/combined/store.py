"""One store made of two: sessions in one, accounts, attempts and signing keys in the other.

No transaction spans both, so the order of the steps has to do what a transaction would. A sign-in is handed out only at
its end:

    add      account as expected?  ·  session written  ·  account locked?  ·  account still as expected?  ·  handed out

A new password, and the disabling or deletion of an account, lock the account while they last:

    change   lock  ·  revoke the sessions  ·  write the account  ·  revoke the sessions  ·  unlock

Wherever a change crashes, every live session was begun under what the account says then. Take a session that was begun
under the old password and handed out, although the account has a new one. If its sign-in looked for a lock before there
was one, its row was written before the sessions were revoked, which revoked it. If it looked while there was one, it
was refused. If the lock was over, so was the write (which begins at most MAX_WRITE_DELAY after the lock, which lasts
LOCK_TTL), and its last look at the account saw the write. Before the write, sessions may have been revoked that need
not have been: nothing else was promised, and the change was not acknowledged. They are revoked again after the write
for an engine that lost the lock in a fail-over.

A sign-in that finds a lock, or crashes half-way, is never handed out; its row is a session whose token no client has.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar, runtime_checkable

from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Revocation, SessionStore, Store, Subscription
from gatepass.stores.combined.accounts import DelegatedAccounts
from gatepass.stores.combined.factors import DelegatedFactors
from gatepass.stores.tasks import TaskSet

Result = TypeVar("Result")
LOCK_TTL = 60
"""Seconds after which a lock ends by itself if the change crashed: sign-ins of the account wait or fail as long."""
MAX_WRITE_DELAY = 15.0
"""Seconds from the lock to the write of the account. The write must take less than LOCK_TTL minus this."""
LOCK_WAIT_TIMEOUT = 5.0
"""Seconds that a sign-in waits for a change of its account to end."""
POLL_INTERVAL = 0.02
"""Seconds between two looks whether the lock has ended."""


class SessionEngine(SessionStore, Protocol):
    """A store for sessions only. Its `add` does not check the account; it returns False only if the sid exists."""

    is_shared: bool

    # Opened, closed and asked as ports.Store.
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    async def hazards(self) -> Sequence[str]: ...


@runtime_checkable
class AccountLock(Protocol):
    """Makes sign-ins of an account wait while the account is changed."""

    async def lock(self, account_id: str, *, by: bytes, seconds: int) -> None:
        """Lock an account for at most `seconds`. `by` names the owner of the lock. As durable as a revocation."""
        ...

    async def unlock(self, account_id: str, *, by: bytes) -> None:
        """Remove the lock of this owner; an account stays locked as long as another owner has it locked."""
        ...

    async def is_locked(self, account_id: str) -> bool:
        """Whether any owner has the account locked."""
        ...


class CombinedStore(DelegatedAccounts, DelegatedFactors):
    """A `ports.Store` over an engine for sessions and a store for everything else."""

    is_private = False

    def __init__(self, *, sessions: SessionEngine, accounts: Store) -> None:
        """Raises ConfigurationError if `sessions` is no AccountLock, as a SQL store, which has accounts of its own."""
        if not isinstance(sessions, AccountLock):
            raise ConfigurationError(
                "SESSIONS must be a Redis store; a SQL store keeps sessions and accounts together (STORE)."
            )
        self._lock: AccountLock = sessions
        self.sessions = sessions
        self.accounts = accounts
        self.is_shared = sessions.is_shared and accounts.is_shared
        self.file = getattr(accounts, "file", None)
        self._tasks = TaskSet()

    def __repr__(self) -> str:
        return f"CombinedStore(sessions={self.sessions!r}, accounts={self.accounts!r})"

    async def open(self) -> None:
        await self.accounts.open()
        try:
            await self.sessions.open()
        except BaseException:
            await self.accounts.close()
            raise

    async def close(self) -> None:
        await self._tasks.finish()
        try:
            await self.sessions.close()
        finally:
            await self.accounts.close()

    async def ping(self) -> None:
        await self.sessions.ping()
        await self.accounts.ping()

    async def hazards(self) -> Sequence[str]:
        return (*await self.sessions.hazards(), *await self.accounts.hazards())

    async def add(self, session: Session, *, credential_version: int) -> bool:
        return await self._tasks.shielded(self._add(session, credential_version))

    async def find(self, sid: bytes) -> Session | None:
        return await self.sessions.find(sid)

    async def swap(self, swap: Swap) -> Session | None:
        return await self.sessions.swap(swap)

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        return await self.sessions.set_device(sid, key=key, since=since, now=now)

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        return await self.sessions.revoke(sid, reason=reason, now=now)

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        return await self.sessions.revoke_all(account_id, reason=reason, now=now, keep=keep)

    async def bury(self, sid: bytes, *, now: int) -> None:
        await self.sessions.bury(sid, now=now)

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        return await self.sessions.list_for_account(account_id, now=now)

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        return await self.sessions.revoked_since(since)

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return await self.sessions.revoked_among(sids)

    async def time(self) -> int | None:
        return await self.sessions.time()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        async with self.sessions.subscribe() as sessions, self.accounts.subscribe() as accounts:
            merged = MergedSubscription(sessions, accounts)
            try:
                yield merged
            finally:
                await merged.close()

    async def prune(self, *, before: int, limit: int) -> int:
        return await self.sessions.prune(before=before, limit=limit)

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
        account = await self.accounts.find_account(account_id)
        if account is None or account.credential_version != credential_version:
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.change_password(
                account_id,
                password_hash=password_hash,
                credential_version=credential_version,
                now=now,
                keep=keep,
                drop_others=drop_others,
            )

        return await self._tasks.shielded(self._revoke_around(write, account_id, now=now, keep=keep))

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        if await self.accounts.find_account(account_id) is None:
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.disable_account(account_id, now=now)

        return await self._tasks.shielded(self._revoke_around(write, account_id, now=now, keep=None))

    async def delete_account(
        self, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        account = await self.accounts.find_account(account_id)
        if account is None or credential_version not in (None, account.credential_version):
            return None

        async def write() -> Sequence[bytes] | None:
            return await self.accounts.delete_account(account_id, now=now, credential_version=credential_version)

        return await self._tasks.shielded(self._revoke_around(write, account_id, now=now, keep=None))

    async def _add(self, session: Session, credential_version: int) -> bool:
        if not await self._may_sign_in(session.account_id, credential_version):
            return False
        if not await self.sessions.add(session, credential_version=credential_version):
            return False
        is_locked = await self._lock.is_locked(session.account_id)
        if not is_locked and await self._may_sign_in(session.account_id, credential_version):
            return True
        await self.sessions.revoke(session.sid, reason="revoked", now=session.created_at)
        if is_locked:
            await self._until_unlocked(session.account_id)
            if await self._may_sign_in(session.account_id, credential_version):
                raise StoreUnavailable("The account was being changed, but is not; try again.")
        return False

    async def _until_unlocked(self, account_id: str) -> None:
        """Wait until a change ends, which takes milliseconds. The lock of a crashed change is not waited out.

        Raises StoreUnavailable after LOCK_WAIT_TIMEOUT.
        """
        end = time.monotonic() + LOCK_WAIT_TIMEOUT
        while await self._lock.is_locked(account_id):
            if time.monotonic() > end:
                raise StoreUnavailable("The account is being changed; try again.")
            await asyncio.sleep(POLL_INTERVAL)

    async def _may_sign_in(self, account_id: str, credential_version: int) -> bool:
        account = await self.accounts.find_account(account_id)
        return account is not None and account.disabled_at is None and account.credential_version == credential_version

    async def _revoke_around(
        self, write: Callable[[], Awaitable[Sequence[bytes] | None]], account_id: str, *, now: int, keep: bytes | None
    ) -> Sequence[bytes] | None:
        """Run `write` on a locked account, and revoke its sessions before and after."""
        started, owner = time.monotonic(), secrets.token_bytes(16)
        await self._lock.lock(account_id, by=owner, seconds=LOCK_TTL)
        before = await self.sessions.revoke_all(account_id, reason="revoked", now=now, keep=keep)
        if time.monotonic() - started > MAX_WRITE_DELAY:
            raise StoreUnavailable
        written = await write()
        after = await self.sessions.revoke_all(account_id, reason="revoked", now=now, keep=keep)
        await self._lock.unlock(account_id, by=owner)
        return None if written is None else (*before, *after)


class MergedSubscription:
    """What any of several subscriptions receives."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self._subscriptions = subscriptions
        self._tasks: dict[Subscription, asyncio.Task[Sequence[bytes]]] = {}

    async def next(self, within: float) -> Sequence[bytes]:
        for subscription in self._subscriptions:
            if subscription not in self._tasks:  # else it still waits since the last call
                self._tasks[subscription] = asyncio.ensure_future(subscription.next(within))
        done, _ = await asyncio.wait(self._tasks.values(), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        self._tasks = {subscription: task for subscription, task in self._tasks.items() if task not in done}
        received = [task.result() for task in done]
        if not all(received):  # one of them says: read `revoked_since`
            return ()
        return tuple(sid for each in received for sid in each)

    async def close(self) -> None:
        """Cancel the waits for both stores."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
