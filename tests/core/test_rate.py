"""A rate lets its count through at once, then as many again in its time, and remembers a bounded number of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.rate import Buckets, Rate

NOW = 1_800_000_000


def taken(buckets: Buckets, key: str, times: int, now: int) -> int:
    return sum(buckets.take(key, now) == 0 for _ in range(times))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("300/1h", Rate(300, 3600)), ("5/30s", Rate(5, 30)), (" 1/2d ", Rate(1, 172_800)), ("off", Rate(0, 1))],
)
def test_a_rate_is_written_as_a_number_and_a_duration(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "5", "5/", "/1h", "0/1h", "-1/1h", "5/h", "5/1w", "5/0s", "١/1h", "5/1h extra"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="300/1h"):
        Rate.parse(text)


def test_a_rate_says_what_it_is() -> None:
    assert (str(Rate(5, 30)), str(Rate(0, 1))) == ("5/30s", "off")


def test_the_count_goes_through_at_once_and_no_more() -> None:
    buckets = Buckets(Rate(5, 60))
    assert taken(buckets, "a", 9, NOW) == 5
    assert taken(buckets, "b", 9, NOW) == 5, "each key has its own"


def test_the_wait_that_is_told_is_enough_and_not_too_much() -> None:
    buckets = Buckets(Rate(5, 60))
    taken(buckets, "a", 5, NOW)
    wait = buckets.take("a", NOW)
    assert wait == 12
    assert buckets.take("a", NOW + wait - 1) == 1
    assert buckets.take("a", NOW + wait) == 0


def test_a_refusal_uses_nothing_up() -> None:
    buckets = Buckets(Rate(1, 60))
    taken(buckets, "a", 100, NOW)
    assert buckets.take("a", NOW + 60) == 0


def test_no_rate_is_no_limit_and_no_memory() -> None:
    buckets = Buckets(Rate.parse("off"))
    assert taken(buckets, "a", 1000, NOW) == 1000
    assert len(buckets) == 0


def test_a_clock_that_was_set_back_makes_nobody_wait() -> None:
    buckets = Buckets(Rate(5, 60))
    taken(buckets, "a", 9, NOW)
    assert buckets.take("a", NOW - 3600) == 0


def test_a_hundred_thousand_keys_cost_what_was_allowed() -> None:
    """And the one that is forgotten is the one that was used longest ago."""
    buckets = Buckets(Rate(1, 3600), max_keys=100)
    buckets.take("kept", NOW)
    for number in range(100_000):
        buckets.take(str(number), NOW)
        assert buckets.take("kept", NOW) > 0, "a key that is used stays"
    assert len(buckets) == 100


@given(st.integers(1, 50), st.integers(1, 600), st.lists(st.integers(0, 40), max_size=60))
def test_never_more_than_the_count_and_what_time_has_added(count: int, seconds: int, steps: list[int]) -> None:
    buckets, now, done = Buckets(Rate(count, seconds)), NOW, 0
    for step in steps:
        now += step
        done += taken(buckets, "a", 3, now)
    assert done <= count + (now - NOW) * count / seconds + 1e-3


@given(st.integers(1, 50), st.integers(1, 600))
def test_a_steady_caller_at_the_rate_is_never_refused(count: int, seconds: int) -> None:
    buckets, every = Buckets(Rate(count, seconds)), -(-seconds // count)
    assert all(buckets.take("a", NOW + number * every) == 0 for number in range(200))
