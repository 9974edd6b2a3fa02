"""The journal of accounts in memory, mixed into the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gatepass.core.hook_facts import AccountChange, ChangeKind


@dataclass(slots=True)
class _Entry:
    change: AccountChange
    due_at: int = 0
    noticed_at: int = 0


class MemoryChanges:
    """The verbs of ChangeStore."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[int, _Entry] = {}
        self._last_change = 0

    async def take_change(self, account_id: str, *, now: int, until: int) -> AccountChange | None:
        head = next((each for each in self._heads() if each.change.account_id == account_id), None)
        return self._take(head, until) if head is not None and head.due_at <= now else None

    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Sequence[AccountChange]:
        self._notice(now)
        due = [each for each in self._heads() if each.due_at <= now and each.noticed_at <= noticed_before]
        return tuple(self._take(each, until) for each in due[:limit])

    async def end_change(self, change: AccountChange) -> None:
        if self._is_held(change):
            del self._changes[change.number]

    async def put_off_change(self, change: AccountChange, *, until: int) -> None:
        if self._is_held(change):
            self._changes[change.number].due_at = until

    async def prune_changes(self, *, now: int, before: int, limit: int) -> int:
        self._notice(now)
        due = [number for number, each in self._changes.items() if each.noticed_at < before][:limit]
        for number in due:
            del self._changes[number]
        return len(due)

    def _note_change(self, account_id: str, kind: ChangeKind, *, extra: str = "") -> None:
        """Write an entry; a deletion empties what the account's entries have."""
        if kind == "delete":
            for each in self._changes.values():
                if each.change.account_id == account_id:
                    each.change = replace(each.change, extra="")
        self._last_change += 1
        self._changes[self._last_change] = _Entry(AccountChange(self._last_change, account_id, kind, extra=extra))

    def _heads(self) -> list[_Entry]:
        """The oldest entry of each account, in the order of their numbers."""
        heads: dict[str, _Entry] = {}
        for each in self._changes.values():
            heads.setdefault(each.change.account_id, each)
        return list(heads.values())

    def _take(self, entry: _Entry, until: int) -> AccountChange:
        entry.due_at, entry.change = until, replace(entry.change, tries=entry.change.tries + 1)
        return entry.change

    def _is_held(self, change: AccountChange) -> bool:
        entry = self._changes.get(change.number)
        return entry is not None and entry.change.tries == change.tries

    def _notice(self, now: int) -> None:
        for each in self._changes.values():
            each.noticed_at = each.noticed_at or now
