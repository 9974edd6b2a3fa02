"""Requests and the thread that follows the keys meet at any place."""

import threading
from typing import Any

from gatepass.remote.connection import FollowerThread, Signals
from gatepass.remote.keys import KeyFollower
from tests.remote.keys import OLD, document
from tests.support.preempt import Race, Runner, explore


def follower() -> KeyFollower:
    made = KeyFollower(
        "http://localhost/jwks", changed=lambda _: None, refresh=300.0, max_staleness=3600.0, cooldown=30.0
    )
    whole: Any = made

    def fetch() -> bytes:
        made._thread.signals.stopped.set()  # once
        return document(OLD)

    whole._fetch = fetch
    return made


def test_the_first_request_of_a_process_waits_for_the_first_keys_and_takes_them() -> None:
    def race() -> Race:
        keys = follower()
        signals = keys._thread.signals
        whole: Any = keys._thread
        whole.start = lambda: None
        whole._started_at = float("inf")

        def follow() -> None:
            signals.wake.set()
            keys._follow(signals)

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]

        return Race(follow, keys.require, holds)

    assert explore(race, within=("gatepass.remote.keys",))


def test_threads_that_need_a_follower_first_start_one() -> None:
    def race() -> Race:
        started: list[str] = []

        def follow(signals: Signals) -> None:
            started.append("one")
            signals.stopped.set()

        thread = FollowerThread("gatepass-test", follow)

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]
            for each in threading.enumerate():
                if each.name == "gatepass-test":
                    each.join()
            assert started == ["one"]

        return Race(thread.start, thread.start, holds)

    assert explore(race, within=("gatepass.remote.connection",))
