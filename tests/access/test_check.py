"""The memory of verified tokens: bounded, and never a way around a check."""

import pytest

from gatepass.access.check import Check
from gatepass.errors import InvalidToken
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate


class CountingVerifier:
    """Counts the signatures that are checked."""

    def __init__(self, at: GateHarness) -> None:
        self._inner = at.gate.check._verifier
        self.count = 0
        self.issuer = self._inner.issuer

    def verify(self, token: str, now: int):  # type: ignore[no-untyped-def]
        self.count += 1
        return self._inner.verify(token, now)

    def session_of(self, token: str) -> str:
        return self._inner.session_of(token)

    def still_holds(self, principal, now: int) -> bool:  # type: ignore[no-untyped-def]
        return self._inner.still_holds(principal, now)


def check_of(at: GateHarness, *, remembered: int = 10) -> tuple[Check, CountingVerifier]:
    verifier = CountingVerifier(at)
    check = Check(verifier, revocations=at.gate.revocations, clock=at.clock, remembered=remembered)
    return check, verifier


async def tokens(at: GateHarness, count: int) -> list[list[str]]:
    ann = Browser(at.gate.asgi)
    await ann.register()
    found = []
    for _ in range(count):
        await ann.refresh()
        found.append([f"Bearer {ann.access_token}"])
    return found


async def test_a_signature_is_checked_once_per_token() -> None:
    async with open_gate() as at:
        check, verifier = check_of(at)
        (token,) = await tokens(at, 1)
        first = check.principal(token)
        assert [check.principal(token) for _ in range(5)] == [first] * 5
        assert verifier.count == 1


async def test_what_does_not_hold_is_never_remembered() -> None:
    async with open_gate() as at:
        check, verifier = check_of(at)
        for _ in range(3):
            with pytest.raises(InvalidToken):
                check.principal(["Bearer x"])
        assert verifier.count == 3
        assert len(check._verified) == 0


async def test_the_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    async with open_gate() as at:
        check, verifier = check_of(at, remembered=3)
        made = await tokens(at, 4)
        for token in made[:3]:
            check.principal(token)
        check.principal(made[0])
        check.principal(made[3])
        assert len(check._verified) == 3
        count = verifier.count
        check.principal(made[0])
        assert verifier.count == count
        check.principal(made[1])
        assert verifier.count == count + 1


async def test_an_expired_token_leaves_the_memory() -> None:
    async with open_gate() as at:
        check, _ = check_of(at)
        (token,) = await tokens(at, 1)
        check.principal(token)
        at.clock.advance(905)
        with pytest.raises(InvalidToken):
            check.principal(token)
        assert len(check._verified) == 0


async def test_the_tokens_text_is_not_kept() -> None:
    async with open_gate() as at:
        check, _ = check_of(at)
        (token,) = await tokens(at, 1)
        check.principal(token)
        assert token[0].removeprefix("Bearer ") not in repr(check.__dict__)
