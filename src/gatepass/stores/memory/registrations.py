"""Registrations that wait for their link, in memory, mixed into the store."""

from collections.abc import Sequence

from gatepass.core.account import Account, PendingRegistration


class MemoryRegistrations:
    """The verbs of AccountStore for pending registrations."""

    def __init__(self) -> None:
        super().__init__()
        self._registrations: dict[str, PendingRegistration] = {}

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        raise NotImplementedError  # the store's

    async def add_registration(self, pending: PendingRegistration) -> None:
        self._registrations[pending.id] = pending

    async def find_registration(self, registration_id: str) -> PendingRegistration | None:
        return self._registrations.get(registration_id)

    async def find_registrations(self, email_key: str) -> Sequence[PendingRegistration]:
        found = [each for each in self._registrations.values() if each.email_key == email_key]
        return tuple(sorted(found, key=lambda each: (-each.created_at, each.id)))

    async def confirm_registration(self, registration_id: str, account: Account) -> bool:
        pending = self._registrations.get(registration_id)
        if pending is None or not await self.add_account(account, extra=pending.extra):
            return False
        for each in await self.find_registrations(account.email_key):
            del self._registrations[each.id]
        return True

    async def prune_registrations(self, *, before: int, limit: int) -> int:
        due = [each.id for each in self._registrations.values() if each.created_at < before][:limit]
        for each in due:
            del self._registrations[each]
        return len(due)
