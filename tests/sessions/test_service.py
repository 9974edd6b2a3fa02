"""The story of a session as events: action → exactly this event (EL-05)."""

import pytest

from tests.support.browser import Browser
from tests.support.gates import open_gate


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("refresh", ["session_renewed"]),
        ("logout", ["session_revoked"]),
        ("login again", ["session_created", "session_revoked"]),
        ("late repeat", ["session_renewed", "session_renewed"]),
        ("theft", ["session_renewed", "authn_refresh_unproven"]),
        ("after the end", ["session_revoked", "session_use_after_expire"]),
        ("cross-site", ["malicious_csrf"]),
    ],
)
async def test_each_action_is_reported_once_and_names_its_session(act: str, expected: list[str]) -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        at.events.clear()
        kept = ann.clone(key=b"k" * 32)
        match act:
            case "refresh":
                await ann.refresh()
            case "logout":
                await ann.logout()
            case "login again":
                await ann.login()
            case "late repeat":
                await ann.refresh(lose=True)
                at.clock.advance(60)
                await ann.refresh()
            case "theft":
                await ann.refresh()
                kept.key = b"t" * 32
                await kept.refresh()
            case "after the end":
                await ann.logout()
                await kept.refresh()
            case "cross-site":
                await ann.send("POST", "/refresh")
        assert [event.name for event in at.events] == expected
        sids = {getattr(event, "sid", kept.sid) for event in at.events} - {kept.sid}
        assert len(sids) == (1 if act == "login again" else 0)
        assert {event.address for event in at.events} <= {"203.0.113.0/24", ""}


async def test_a_refresh_says_which_case_it_was() -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        (old,) = at.memory.rows().values()
        at.events.clear()
        await ann.refresh(lose=True)
        await ann.refresh()
        await ann.refresh()
        at.memory.rows()[old.sid] = old
        await ann.refresh()
        cases = [(event.case, event.generation) for event in at.named("session_renewed")]  # type: ignore[attr-defined]
        assert cases == [("advance", 1), ("repeat", 1), ("advance", 2), ("recover", 3)]
