"""What a failure costs that another server counted, whose clock is ahead: as much as one that happened just now."""

import pytest

from gatepass.core.throttle import LIFETIME, MAX_SKEW, PER_GUESSER, age

NOW = 1_800_000_000


@pytest.mark.parametrize("ahead", range(MAX_SKEW + 1))
def test_a_failure_beside_a_clock_that_is_ahead_makes_wait_as_long_as_the_rule_says(ahead: int) -> None:
    waits = [PER_GUESSER.wait(failures, last_at=NOW + ahead, now=NOW) for failures in range(5, 18)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert PER_GUESSER.wait(4, last_at=NOW + ahead, now=NOW) == 0
    assert LIFETIME.wait(80, last_at=NOW + ahead, now=NOW) == LIFETIME.longest


def test_after_a_clock_was_set_back_there_is_no_wait() -> None:
    assert PER_GUESSER.wait(20, last_at=NOW + MAX_SKEW + 1, now=NOW) == 0


def test_what_a_clock_ahead_has_marked_is_new() -> None:
    assert [age(NOW - 3, NOW), age(NOW, NOW), age(NOW + MAX_SKEW, NOW)] == [3, 0, 0]
    assert age(NOW + MAX_SKEW + 1, NOW) is None
