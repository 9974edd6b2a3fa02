"""One thread hears of revocations and marks, others revoke, read and forget: none is lost, none is counted twice."""

from collections.abc import Callable

import pytest

from gatepass.access.claims_marks import ClaimsMarks
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.claims_mark import ClaimsMark
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
