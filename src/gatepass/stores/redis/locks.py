"""The locks of accounts on Redis (`combined/store.py` says what for): each has its own end, which no other puts off."""

from gatepass.stores.redis import scripts
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.layout import Keys
from gatepass.stores.redis.looks import as_list
from gatepass.stores.redis.scripts import Call


class RedisLocks:
    """An AccountLock, mixed into the store."""

    _cluster: Cluster
    _keys: Keys

    async def lock(self, account_id: str, *, by: bytes, seconds: int) -> None:
        call = Call.run(scripts.LOCK, self._lock_keys(account_id, by), by.hex().encode(), b"%d" % seconds)
        await self._cluster.run(call, marker=self._keys.account_marker(account_id))

    async def unlock(self, account_id: str, *, by: bytes) -> None:
        await self._cluster.run(Call.run(scripts.UNLOCK, self._lock_keys(account_id, by), by.hex().encode()))

    async def is_locked(self, account_id: str) -> bool:
        key = self._keys.account_lock(account_id)
        owners = as_list(await self._cluster.run(Call.of(b"SMEMBERS", key)))
        if not owners:
            return False
        if any(len(owner) == 16 for owner in owners):  # written by an earlier program: its end is that of the set
            return True
        own = [self._keys.owned_lock(account_id, owner) for owner in owners]
        return await self._cluster.run(Call.of(b"EXISTS", *own)) != 0

    def _lock_keys(self, account_id: str, by: bytes) -> tuple[bytes, bytes]:
        owner = by.hex().encode()
        return self._keys.account_lock(account_id), self._keys.owned_lock(account_id, owner)
