"""The marks of accounts whose claims changed, in memory, mixed into the store."""

from collections.abc import Sequence

from gatepass.core.claims_mark import EVERYBODY, ClaimsMark, first_number


class MemoryClaims:
    """The verbs of ClaimsStore."""

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[tuple[str, int], int] = {}

    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        number = max(first_number(now), 1 + max(self._marks.values(), default=0))
        self._marks.update({(account_id, within): number for account_id in account_ids})
        return number

    async def claims_number(self, account_id: str) -> int:
        concerned = [number for (marked, _), number in self._marks.items() if marked in (account_id, EVERYBODY)]
        return max(concerned, default=0)

    async def claims_marks(self, *, above: ClaimsMark, limit: int) -> Sequence[ClaimsMark]:
        marks = (ClaimsMark(number, account_id, within) for (account_id, within), number in self._marks.items())
        return tuple(sorted(mark for mark in marks if mark > above)[:limit])

    async def prune_claims_marks(self, *, below: int, limit: int) -> int:
        due = [key for key, number in self._marks.items() if number < below][:limit]
        for key in due:
            del self._marks[key]
        return len(due)
