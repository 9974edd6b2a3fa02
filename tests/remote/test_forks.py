"""A follower in a forked process has a thread and signals of its own."""

import pytest

from gatepass.remote.connection import FollowerThread, Signals
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child


@pytest.mark.parametrize("fork", FORKS)
def test_no_lock_of_the_thread_of_a_parent_stops_a_child(fork: Fork) -> None:
    def run(signals: Signals) -> None:
        signals.loaded.set()
        signals.stopped.wait()

    def in_child() -> bool:
        follower.wake()
        follower.close()
        follower.start()
        follower.wait_until_loaded()
        return follower.signals is not former and follower.signals.loaded.is_set()

    follower = FollowerThread("test", run)
    follower.start()
    former = follower.signals
    former.loaded.wait()
    with held_elsewhere(former.wake._cond):  # type: ignore[attr-defined]
        assert holds_in_child(fork, in_child)
    assert not former.stopped.is_set()
    follower.close()
    assert former.stopped.is_set()
