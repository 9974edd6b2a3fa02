"""A computer that sleeps: its steady clock stands still, its wall clock goes on."""

import pytest

from gatepass.client.session import clock
from gatepass.client.session.access_token import TokenState
from gatepass.client.session.clock import Clock
from gatepass.client.session.endpoints import Grant


class Computer:
    """Two clocks of a test."""

    def __init__(self) -> None:
        self.steady = 1_000.0
        self.wall = 1_800_000_000.0

    def run(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds

    def sleep(self, seconds: float) -> None:
        self.wall += seconds


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def awake(computer: Computer) -> Clock:
    return Clock(lambda: computer.steady, lambda: computer.wall)


def test_it_goes_on_while_the_computer_sleeps(computer: Computer, awake: Clock) -> None:
    began = awake.now()
    computer.run(5)
    computer.sleep(3_600)
    computer.run(2)
    assert awake.now() - began == pytest.approx(3_607)
    assert awake.now() - began == pytest.approx(3_607)


def test_a_wall_clock_that_is_set_back_changes_nothing(computer: Computer, awake: Clock) -> None:
    began = awake.now()
    computer.sleep(-36_000)
    computer.run(1)
    assert awake.now() - began == pytest.approx(1)
    computer.sleep(60)
    assert awake.now() - began == pytest.approx(61), "a sleep after that is seen"


def test_a_wall_clock_that_is_set_on_by_fractions_of_a_second_adds_nothing(computer: Computer, awake: Clock) -> None:
    began = awake.now()
    for _ in range(1_000):
        computer.run(1)
        computer.sleep(0.4)
        awake.now()
    assert awake.now() - began == pytest.approx(1_000)


def test_a_token_has_expired_after_a_sleep_that_was_longer_than_its_life(
    monkeypatch: pytest.MonkeyPatch, computer: Computer, awake: Clock
) -> None:
    monkeypatch.setattr(clock, "now", awake.now)
    state = TokenState(margin=60)
    state.take(Grant("ab" * 16, 0, "q83vEjRWeJo", "ey.token", 900.0, awake.now()))
    assert state.usable is not None
    computer.run(3)
    token = state.current
    assert token is not None
    assert clock.now() < token.grace_until, "a 401 now would not be about its age"
    computer.sleep(10)
    assert clock.now() > token.grace_until
    computer.sleep(900)
    assert state.usable is None
