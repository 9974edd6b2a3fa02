"""The part of the battery about the audit trail: what every store of it must keep."""

import asyncio

from gatepass.core.audit import AuditEntry
from gatepass.ports import Store
from gatepass.testing.records import NOW


class AuditBattery:
    """The trail, in the order in which it was written."""

    async def test_an_entry_is_found_as_it_was_written_newest_first(self, store: Store) -> None:
        assert list(await store.list_audit(before=None, limit=10)) == []
        first = AuditEntry(NOW, "root@host", "account-disabled", "a" * 32, "on request")
        second = AuditEntry(NOW, "Änne <anne@example.com>", "session-ended", "b" * 32)
        for entry in (first, second):
            await store.add_audit(entry)
        found = list(await store.list_audit(before=None, limit=10))
        assert [(entry.at, entry.actor, entry.action, entry.target, entry.detail) for entry in found] == [
            (entry.at, entry.actor, entry.action, entry.target, entry.detail) for entry in (second, first)
        ]
        assert found[0].number > found[1].number > 0

    async def test_it_is_read_in_pages(self, store: Store) -> None:
        for number in range(5):
            await store.add_audit(AuditEntry(NOW + number, "root", "account-enabled", str(number)))
        page = await store.list_audit(before=None, limit=2)
        assert [entry.target for entry in page] == ["4", "3"]
        rest = await store.list_audit(before=page[-1].number, limit=10)
        assert [entry.target for entry in rest] == ["2", "1", "0"]

    async def test_entries_at_once_are_all_kept(self, store: Store) -> None:
        await asyncio.gather(
            *(store.add_audit(AuditEntry(NOW, "root", "account-enabled", str(number))) for number in range(20))
        )
        found = await store.list_audit(before=None, limit=100)
        assert {entry.target for entry in found} == {str(number) for number in range(20)}
        assert len({entry.number for entry in found}) == 20
