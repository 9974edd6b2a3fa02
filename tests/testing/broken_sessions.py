"""Stores that break one sentence of the contract each: about sessions, refreshes and revocations."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gatepass.core.claims_mark import first_number
from gatepass.core.session import EndReason, Session, Swap
from gatepass.ports import Attempts, Revocation
from gatepass.stores.memory.store import MemoryStore


class IgnoresVersion(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        account = await self.find_account(session.account_id)
        return account is not None and await super().add(session, credential_version=account.credential_version)


class LooksThenAdds(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        account = self._accounts.get(session.account_id)
        if account is None or account.disabled_at is not None or account.credential_version != credential_version:
            return False
        await asyncio.sleep(0)
        self._sessions[session.sid] = session
        return True


class IgnoresDisabling(MemoryStore):
    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        ended = await super().disable_account(account_id, now=now)
        if ended is not None:
            self._accounts[account_id] = replace(self._accounts[account_id], disabled_at=None)
        return ended


class ChecksThenActs(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        before = self._sessions.get(swap.sid)
        after = await super().swap(swap)
        if before is not None and after is not None:
            self._sessions[swap.sid] = before
            await asyncio.sleep(0)
            self._sessions[swap.sid] = after
        return after


class SwapsTheDead(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        if row is None or row.revoked_at is None:
            return await super().swap(swap)
        self._sessions[swap.sid] = replace(row, revoked_at=None, revoke_reason=None)
        return await super().swap(swap)


class SwapsTheExpired(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, now=0))


class SwapsAnyVersion(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        return await super().swap(replace(swap, expected_fingerprint=row.fingerprint) if row else swap)


class SwapsAnyBinding(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        return await super().swap(replace(swap, expected_binding=row.binding) if row else swap)


class ForgetsTheBinding(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, binding=swap.expected_binding))


class ForgetsThePrevious(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, previous=bytes(16)))


class ForgetsTheMethods(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        return await super().add(replace(session, methods=("pwd",)), credential_version=credential_version)


class ForgetsTheDevice(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, shown_device=True))


class ExchangesTheDevice(MemoryStore):
    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        if sid in self._sessions:
            self._sessions[sid] = replace(self._sessions[sid], device_key=b"")
        return await super().set_device(sid, key=key, since=since, now=now)


class RevokesTwice(MemoryStore):
    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        if sid in self._sessions:
            self._sessions[sid] = replace(self._sessions[sid], revoked_at=None)
        return await super().revoke(sid, reason=reason, now=now)


class KeepsNone(MemoryStore):
    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        return await super().revoke_all(account_id, reason=reason, now=now)


class ChangesAlone(MemoryStore):
    async def change_password(self, account_id: str, **facts: Any) -> Any:
        rows = dict(self._sessions)
        ended = await super().change_password(account_id, **facts)
        self._sessions = rows
        return ended


class EndsAllOfTheSubject(MemoryStore):
    async def end_provider_sessions(self, issuer: str, *, provider_sid: str | None, **facts: Any) -> Any:
        sid = None if facts["subject"] else provider_sid
        return await super().end_provider_sessions(issuer, provider_sid=sid, **facts)


class EndsWhatBeganLater(MemoryStore):
    async def end_provider_sessions(self, issuer: str, *, issued_by: int, **facts: Any) -> Any:
        return await super().end_provider_sessions(issuer, issued_by=issued_by + 1, **facts)


class ForgetsWhoEnded(MemoryStore):
    async def end_provider_sessions(self, issuer: str, **facts: Any) -> Any:
        ended = await super().end_provider_sessions(issuer, **facts)
        for sid in ended:
            del self._provider_sessions[sid]
        return ended


class PrunesTheLiving(MemoryStore):
    async def prune(self, *, before: int, limit: int) -> int:
        return await super().prune(before=before + 1, limit=limit)


class PrunesAll(MemoryStore):
    async def prune(self, *, before: int, limit: int) -> int:
        return await super().prune(before=before, limit=1_000_000)


class ListsTooLittle(MemoryStore):
    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        return await super().revoked_since(since + 1)


class BuriesNobody(MemoryStore):
    async def bury(self, sid: bytes, *, now: int) -> None:
        pass


class BuriesTheLiving(MemoryStore):
    async def bury(self, sid: bytes, *, now: int) -> None:
        self._tombstones[sid] = now


class BelievesWhatIsNamed(MemoryStore):
    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return [Revocation(sid, 0) for sid in sids]


class LowersTheEpoch(MemoryStore):
    async def raise_epoch(self, at: int) -> int:
        self._epoch = at
        return at


class MissesDeletions(MemoryStore):
    def _note_change(self, account_id: str, kind: Any, *, extra: str = "") -> None:
        if kind != "delete":
            super()._note_change(account_id, kind, extra=extra)


class HandsOutToAll(MemoryStore):
    async def take_change(self, account_id: str, *, now: int, until: int) -> Any:
        return await super().take_change(account_id, now=now + (until - now), until=until)


class EndsWhatAnotherHas(MemoryStore):
    def _is_held(self, change: Any) -> bool:
        return change.number in self._changes


class TakesBeforeTheHeadStart(MemoryStore):
    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Any:
        return await super().take_changes(now=now, until=until, noticed_before=now, limit=limit)


class NumbersByTheClock(MemoryStore):
    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        number = first_number(now)
        self._marks.update({(account_id, within): number for account_id in account_ids})
        return number


class ForgetsMarksForAll(MemoryStore):
    async def claims_number(self, account_id: str) -> int:
        return max((number for (marked, _), number in self._marks.items() if marked == account_id), default=0)


class CountsOnce(MemoryStore):
    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        for key in keys:
            self._attempts[key] = Attempts(1, now)
