"""One thread hears of revocations and marks, others revoke, read and forget: none is lost, none is counted twice."""

from collections.abc import Callable

import pytest

from gatepass.access.check import Check
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken
from gatepass.testing.clock import ManualClock
from tests.support.preempt import Race, Runner, explore

OLD, HELD, NEW = b"\1" * 16, b"\2" * 16, b"\3" * 16
Act = Callable[[RevokedSessions], object]
ACTS: dict[str, Act] = {
    "forget": RevokedSessions.forget,
    "publish": lambda revoked: revoked.publish([NEW]),
    "publish another": lambda revoked: revoked.publish([b"\4" * 16]),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [("forget", "publish"), ("publish", "forget"), ("publish", "publish"), ("publish", "publish another")],
)
def test_no_revocation_is_lost_or_counted_twice(first: str, second: str) -> None:
    def race() -> Race:
        revoked = RevokedSessions(retention=0)
        revoked.load([OLD])
        revoked._revoked = {sid: at - 2 * revoked.kept for sid, at in revoked._revoked.items()}
        revoked.publish([HELD])

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]
            told = revoked.after(0)
            sids = [sid for _, sid in told if sid != OLD.hex()]
            assert sids[0] == HELD.hex()
            assert sorted(sids) == sorted({sid.hex() for sid in (HELD, NEW)} | set(sids))
            assert all(revoked.is_revoked(sid) for sid in sids)
            assert [number for number, _ in told] == list(range(revoked.count - len(told) + 1, revoked.count + 1))

        return Race(lambda: ACTS[first](revoked), lambda: ACTS[second](revoked), holds)

    assert explore(race, within=("gatepass.access.",))


def test_a_reader_that_is_overtaken_by_forgetting_is_told_of_all_that_comes_later() -> None:
    def race() -> Race:
        revoked = RevokedSessions(retention=0)
        revoked.load([OLD, b"\5" * 16])
        revoked._revoked = {sid: at - 2 * revoked.kept for sid, at in revoked._revoked.items()}
        revoked.publish([HELD])
        place = revoked.count

        def read() -> None:
            nonlocal place
            told = revoked.after(place)
            place = told[-1][0] if told else place

        def holds(*_: Runner) -> None:
            revoked.publish([NEW])
            assert [sid for _, sid in revoked.after(place)] == [NEW.hex()]

        return Race(revoked.forget, read, holds)

    assert explore(race, within=("gatepass.access.",))


def test_no_mark_is_lost_while_old_ones_are_forgotten() -> None:
    def race() -> Race:
        marks = ClaimsMarks(kept=1000)
        marks.publish([ClaimsMark(1, "old", 0)], now=0)
        marks._received = {mark: at - 2000 for mark, at in marks._received.items()}

        def holds(*_: Runner) -> None:
            assert marks.is_stale("ann", 1, 10)
            assert marks.newest == 2
            assert [mark.number for _, mark in marks.after(0)][-1] == 2

        return Race(marks.forget, lambda: marks.publish([ClaimsMark(2, "ann", 0)], now=10), holds)

    assert explore(race, within=("gatepass.access.",))


class Keys:
    """A verifier that takes the tokens of its own key, whose name they begin with."""

    issuer = "https://gate.example"

    def __init__(self, *names: str) -> None:
        self.names = names

    def verify(self, token: str, now: int) -> Principal:
        if not token.startswith(self.names):
            raise InvalidToken("signature")
        return Principal("ann", "01" * 16, token, 2, 1, 1, frozenset(), {})

    def session_of(self, token: str) -> str:
        return self.verify(token, 0).session_id

    def still_holds(self, principal: Principal, now: int) -> bool:
        return True


@pytest.mark.parametrize("is_remembered", [False, True])
@pytest.mark.parametrize("order", ["request first", "trust first"])
def test_no_token_of_a_dropped_key_is_remembered_whenever_the_keys_change(order: str, *, is_remembered: bool) -> None:
    def race() -> Race:
        revoked = RevokedSessions(retention=0)
        revoked.load([])
        check = Check(Keys("old", "new"), revocations=revoked, clock=ManualClock(), remembered=2)
        if is_remembered:
            check.principal(["Bearer old.1"])

        def ask() -> str:
            try:
                return check.principal(["Bearer old.1"]).token_id
            except InvalidToken:
                return "refused"

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]
            assert {runner.value for runner in runners} <= {"old.1", "refused", None}
            assert ask() == "refused"
            assert check.principal(["Bearer new.1"]).token_id == "new.1"

        def trust() -> None:
            check.trust(Keys("new"))

        return Race(ask, trust, holds) if order == "request first" else Race(trust, ask, holds)

    assert explore(race, within=("gatepass.access.check",))


def test_a_full_memory_of_tokens_gives_each_request_its_own_caller() -> None:
    def race() -> Race:
        revoked = RevokedSessions(retention=0)
        revoked.load([])
        check = Check(Keys("a", "b"), revocations=revoked, clock=ManualClock(), remembered=1)
        check.principal(["Bearer a.1"])

        def ask(token: str) -> list[str]:
            return [check.principal([f"Bearer {token}"]).token_id for _ in range(2)]

        def holds(first: Runner, second: Runner) -> None:
            assert [first.error, second.error] == [None, None]
            assert (first.value, second.value) == (["a.1"] * 2, ["b.1"] * 2)
            assert len(check._verified) <= 1

        return Race(lambda: ask("a.1"), lambda: ask("b.1"), holds)

    assert explore(race, within=("gatepass.access.check",))
