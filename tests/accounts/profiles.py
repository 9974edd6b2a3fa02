"""The table that an application keeps beside the accounts, filled by its hooks; and what is left to tell them."""

from typing import Any

from gatepass import HookFacts
from gatepass.accounts.changes import HEAD_START, LEASE
from gatepass.gate import Gatepass
from tests.support.gates import GateHarness

AFTER_ALL = HEAD_START + LEASE + 1_000


class Profiles:
    """The table of an application."""

    def __init__(self, gate: Gatepass) -> None:
        self.rows: dict[str, str] = {}
        self.heard: list[tuple[str, str]] = []
        self.fault: Exception | None = None
        gate.after("register")(self.keep)
        gate.after("change_email")(self.keep)
        gate.after("delete")(self.drop)

    async def keep(self, facts: HookFacts[Any]) -> None:
        self.heard.append((facts.kind, facts.email))
        if self.fault is not None:
            raise self.fault
        assert facts.account_id is not None
        self.rows[facts.account_id] = facts.email

    async def drop(self, facts: HookFacts[None]) -> None:
        self.heard.append((facts.kind, facts.email))
        self.rows.pop(facts.account_id or "", None)


async def look_again(at: GateHarness) -> int:
    """Two looks of the background task, far enough apart for whatever was left."""
    await at.gate._parts.changes.deliver_left()
    at.clock.advance(AFTER_ALL)
    return await at.gate._parts.changes.deliver_left()
