"""The marks of changed claims in one process: what is stale, from when on, and for how long they are kept."""

import pytest

from gatepass.access import claims_marks
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.core.claims_mark import EVERYBODY, UNITS, ClaimsMark, delay_of
from gatepass.testing.clock import ManualClock
from tests.support.fake_time import FakeTime
from tests.support.gates import NOW

FIRST = NOW * UNITS


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    time = FakeTime()
    monkeypatch.setattr(claims_marks, "time", time)
    return time


def marks_with(*marks: ClaimsMark, now: int = NOW) -> ClaimsMarks:
    made = ClaimsMarks(kept=900)
    made.publish(marks, now=now)
    return made


def test_without_marks_the_newest_number_is_zero_and_nothing_is_asked() -> None:
    assert ClaimsMarks(kept=900).newest == 0


def test_a_token_with_the_number_of_the_mark_or_a_higher_one_is_not_stale() -> None:
    marks = marks_with(ClaimsMark(FIRST, "ann"))
    assert [marks.is_stale("ann", known, NOW) for known in (0, FIRST - 1, FIRST, FIRST + 1)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert not marks.is_stale("bob", 0, NOW)
    assert (marks.number_of("ann"), marks.number_of("bob"), marks.newest) == (FIRST, 0, FIRST)


def test_one_of_all_concerns_each_account_beside_its_own() -> None:
    marks = marks_with(ClaimsMark(FIRST, "ann"), ClaimsMark(FIRST + 1, EVERYBODY))
    assert marks.is_stale("bob", 0, NOW)
    assert marks.is_stale("ann", FIRST, NOW)
    assert not marks.is_stale("ann", FIRST + 1, NOW)


def test_spread_over_a_minute_each_second_has_its_share_of_the_accounts() -> None:
    """100,000 accounts: no second has more than a few per cent beyond its share, so others are not delayed."""
    marks, accounts = marks_with(ClaimsMark(FIRST, EVERYBODY, 60)), [f"account {number}" for number in range(100_000)]
    begins = [delay_of(account, 60) for account in accounts]
    shares = [begins.count(second) for second in range(60)]
    assert sum(shares) == 100_000
    assert max(shares) < 100_000 / 60 * 1.15
    for account in accounts[:500]:
        delay = delay_of(account, 60)
        assert not marks.is_stale(account, 0, NOW + delay - 1)
        assert marks.is_stale(account, 0, NOW + delay)


def test_a_later_spread_gives_no_token_more_time() -> None:
    """Called every 30 s with a spread of 60, all are refused all the same."""
    account = next(f"account {number}" for number in range(999) if delay_of(f"account {number}", 60) == 50)
    marks, clock = marks_with(ClaimsMark(FIRST, EVERYBODY, 60)), ManualClock(NOW)
    clock.advance(30)
    marks.publish([ClaimsMark(FIRST + 30 * UNITS, EVERYBODY, 60)], now=clock.now())
    assert not marks.is_stale(account, 0, NOW + 49)
    assert marks.is_stale(account, 0, NOW + 50)
    assert not marks.is_stale(account, FIRST, NOW + 79)
    assert marks.is_stale(account, FIRST, NOW + 80)


def test_marks_that_say_nothing_any_more_are_not_looked_through() -> None:
    marks = marks_with()
    for second in range(500):
        marks.publish([ClaimsMark(FIRST + second * UNITS, EVERYBODY, 60)], now=NOW + second)
    assert len(marks._held[EVERYBODY]) <= 61
    marks.publish([ClaimsMark(FIRST + 999 * UNITS, EVERYBODY, 0)], now=NOW + 999)
    assert len(marks._held[EVERYBODY]) == 1


@pytest.mark.parametrize("clock", [NOW - 10_000, NOW, NOW + 10_000])
def test_whatever_our_clock_says_a_mark_counts_within_its_seconds_of_the_receipt(clock: int) -> None:
    marks = marks_with(ClaimsMark(FIRST, "ann"), ClaimsMark(FIRST + 1, EVERYBODY, 60), now=clock)
    assert marks.is_stale("ann", 0, clock)
    assert marks.is_stale("ann", 0, clock - 5_000), "also if the clock is set back afterwards"
    assert marks.is_stale("bob", 0, clock + 60)


def test_a_mark_is_kept_for_the_life_of_a_token_from_its_receipt_on(time: FakeTime) -> None:
    marks = marks_with(ClaimsMark(FIRST, "ann"))
    time.now += 900
    marks.publish([ClaimsMark(FIRST, "ann"), ClaimsMark(FIRST + 1, "bob")], now=NOW)
    marks.forget()
    assert marks.is_stale("ann", 0, NOW)
    time.now += 1
    marks.forget()
    assert not marks.is_stale("ann", 0, NOW), "to hear of it again was no new receipt"
    assert marks.is_stale("bob", 0, NOW)
    time.now += 900
    marks.forget()
    assert marks.newest == 0
    assert marks._held == {}


def test_a_reader_resumes_behind_the_last_place_it_has(time: FakeTime) -> None:
    one, two, three = (ClaimsMark(FIRST + number, name) for number, name in enumerate(("ann", "bob", "eve")))
    marks = marks_with(one, two)
    assert marks.after(0) == [(1, one), (2, two)]
    time.now += 901
    marks.publish([two, three], now=NOW)
    marks.forget()
    assert marks.after(0) == marks.after(2) == [(3, three)]
    assert marks.after(3) == marks.after(99) == []


def test_a_listener_hears_of_what_is_new() -> None:
    heard: list[int] = []
    marks = ClaimsMarks(kept=900, changed=lambda: heard.append(marks.count))
    marks.publish([ClaimsMark(FIRST, "ann"), ClaimsMark(FIRST, "bob")], now=NOW)
    marks.publish([ClaimsMark(FIRST, "ann")], now=NOW)
    assert heard == [2]
