"""The set of ended sessions: by whose clock, for how long, from when on it is trusted (P4)."""

import pytest

from gatepass.access import revoked_sessions
from gatepass.access.revoked_sessions import CLOCK_MARGIN, FOREVER, RevokedSessions
from gatepass.errors import Unavailable
from tests.support.fake_time import FakeTime

ONE, TWO, THREE = (bytes([number]) * 16 for number in (1, 2, 3))
NOBODY = "ff" * 16


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    time = FakeTime()
    monkeypatch.setattr(revoked_sessions, "time", time)
    return time


class TestForgetting:
    def test_a_revocation_counts_from_its_receipt_for_a_tokens_whole_life(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900)
        revoked.load([ONE])
        time.now += 900 + CLOCK_MARGIN
        revoked.forget()
        assert revoked.is_revoked(ONE.hex())

    def test_it_is_forgotten_after_that_so_memory_is_bounded(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900)
        revoked.load([ONE])
        time.now += 900 + CLOCK_MARGIN + 1
        revoked.publish([TWO])
        revoked.forget()
        assert not revoked.is_revoked(ONE.hex())
        assert revoked.is_revoked(TWO.hex())

    def test_to_hear_of_it_again_is_no_new_receipt(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900)
        revoked.load([ONE])
        time.now += 900 + CLOCK_MARGIN
        revoked.load([ONE])
        time.now += 1
        revoked.forget()
        assert not revoked.is_revoked(ONE.hex())


class TestContact:
    def test_out_of_touch_it_answers_for_its_patience_and_then_refuses_to(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900, max_age=30)
        revoked.load([ONE])
        time.now += 30
        assert not revoked.is_revoked(NOBODY)
        time.now += 0.1
        with pytest.raises(Unavailable, match="out-of-touch"):
            revoked.is_revoked(NOBODY)
        with pytest.raises(Unavailable, match="out-of-touch"):
            revoked.require_fresh()
        assert revoked.is_revoked(ONE.hex()), "what is known to be over stays over"
        revoked.load([])
        assert not revoked.is_revoked(NOBODY)

    def test_contact_is_as_old_as_the_knowledge_that_it_brought(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900, max_age=30)
        revoked.load([], age=29)
        assert revoked.staleness == 29
        assert revoked.is_fresh
        time.now += 2
        assert not revoked.is_fresh
        revoked.load([], age=31)
        assert not revoked.is_fresh, "an older contact than the last one is none"

    def test_what_is_published_is_no_contact(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900, max_age=30)
        revoked.publish([ONE])
        with pytest.raises(Unavailable, match="not-ready"):
            revoked.is_revoked(NOBODY)

    def test_where_nobody_else_can_revoke_there_is_nothing_to_wait_for(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900, max_age=FOREVER)
        revoked.load([])
        time.now += 1e9
        assert not revoked.is_revoked(NOBODY)
        assert revoked.is_fresh


class TestNumbers:
    def test_a_reader_resumes_behind_the_last_number_it_has(self) -> None:
        revoked = RevokedSessions(retention=900)
        revoked.publish([ONE, TWO])
        assert revoked.after(0) == [(1, ONE.hex()), (2, TWO.hex())]
        revoked.publish([TWO, THREE])
        assert revoked.after(2) == [(3, THREE.hex())]
        assert revoked.after(3) == revoked.after(99) == []

    def test_numbers_stay_when_older_ones_are_forgotten(self, time: FakeTime) -> None:
        revoked = RevokedSessions(retention=900)
        revoked.publish([ONE, TWO])
        time.now += 900 + CLOCK_MARGIN + 1
        revoked.publish([THREE])
        revoked.forget()
        assert revoked.after(0) == revoked.after(1) == [(3, THREE.hex())]
        assert revoked.count == 3

    def test_a_listener_is_called_for_what_is_new_and_only_while_it_listens(self) -> None:
        revoked = RevokedSessions(retention=900)
        heard: list[int] = []
        with revoked.listening(lambda: heard.append(revoked.count)):
            revoked.publish([ONE, TWO])
            revoked.load([ONE])
            revoked.raise_epoch(5)
            revoked.raise_epoch(4)
        revoked.publish([THREE])
        assert heard == [2, 2]
        assert revoked.epoch == 5
