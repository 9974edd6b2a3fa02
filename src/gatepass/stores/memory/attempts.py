"""Counts of failed sign-ins in memory, mixed into the store: a bounded table, and a count for each account."""

from collections.abc import Sequence

from gatepass.ports import Attempts
from gatepass.stores.limits import MAX_ATTEMPT_KEYS

_NEVER = Attempts(0, 0)


class MemoryAttempts:
    """The verbs of AttemptStore."""

    def __init__(self) -> None:
        super().__init__()
        self._ids_by_email: dict[str, str] = {}
        self._attempts: dict[str, Attempts] = {}
        self._failures: dict[str, Attempts] = {}

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        return tuple(self._attempts.get(key, _NEVER) for key in keys)

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        for key in keys:
            self._attempts[key] = _raised(self._attempts.pop(key, _NEVER), now=now, forget_before=forget_before)
        while len(self._attempts) > MAX_ATTEMPT_KEYS:
            del self._attempts[next(iter(self._attempts))]

    async def take_back_failure(self, key: str) -> None:
        count = self._attempts.get(key, _NEVER)
        if count.failures > 1:
            self._attempts[key] = count._replace(failures=count.failures - 1)
        else:
            self._attempts.pop(key, None)

    async def clear_attempts(self, key: str) -> None:
        self._attempts.pop(key, None)

    async def prune_attempts(self, *, before: int, keep: str, limit: int) -> int:
        due = [key for key, count in self._attempts.items() if count.last_at < before and not _begins(key, keep)]
        for key in due[:limit]:
            del self._attempts[key]
        return len(due[:limit])

    async def lasting_failures(self, email_key: str, *, key: str) -> Attempts:
        account_id = self._ids_by_email.get(email_key)
        return self._attempts.get(key, _NEVER) if account_id is None else self._failures.get(account_id, _NEVER)

    async def count_lasting_failure(self, email_key: str, *, key: str, now: int, forget_before: int) -> None:
        account_id = self._ids_by_email.get(email_key)
        if account_id is None:
            await self.count_failure([key], now=now, forget_before=forget_before)
        else:
            count = self._failures.get(account_id, _NEVER)
            self._failures[account_id] = _raised(count, now=now, forget_before=forget_before)

    async def clear_lasting_failures(self, email_key: str, *, key: str) -> None:
        self._attempts.pop(key, None)
        self._failures.pop(self._ids_by_email.get(email_key, ""), None)


def _raised(count: Attempts, *, now: int, forget_before: int) -> Attempts:
    return Attempts(1 if count.last_at < forget_before else count.failures + 1, now)


def _begins(key: str, prefix: str) -> bool:
    return bool(prefix) and key.startswith(prefix)
