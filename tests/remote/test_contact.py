"""A follower of revocations is in contact with the gate or says that it is not; a test plays the gate (P4)."""

import json

import pytest

from gatepass.errors import ConfigurationError
from gatepass.remote import RemoteRevocations
from gatepass.remote.connection import FollowerThread, Signals
from gatepass.testing.clock import ManualClock
from tests.remote.follower import REVOCATION_FEED_SECRET, answers, knows
from tests.support.fake_time import FakeTime
from tests.support.gates import NOW
from tools.services.patience import until


class TestConfiguration:
    @pytest.mark.parametrize(
        "url",
        [
            "http://gate.example/auth/revocations",
            "ftp://gate.example/",
            "https://",
            "x",
            "https://ann:word@gate.example/",
            "https://gate.example/#x",
        ],
    )
    def test_a_secret_never_goes_to_an_address_that_cannot_be_trusted(self, url: str) -> None:
        with pytest.raises(ConfigurationError):
            RemoteRevocations(url, secret=REVOCATION_FEED_SECRET, lifetime=900)

    def test_it_shows_its_address_and_not_its_secret(self) -> None:
        revocations = RemoteRevocations(
            "https://gate.example/auth/revocations", secret=REVOCATION_FEED_SECRET, lifetime=900
        )
        assert repr(revocations) == "RemoteRevocations(https://gate.example/auth/revocations)"
        assert REVOCATION_FEED_SECRET not in json.dumps(
            {name: repr(value) for name, value in vars(revocations).items() if name != "_secret"}
        )


class Gate:
    """What a gate says on its stream, in a test's hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, max_age: float = 30.0) -> None:
        self.time = FakeTime()
        monkeypatch.setattr("gatepass.access.revoked_sessions.time", self.time)
        url = "https://gate.example/auth/revocations"
        clock = ManualClock(NOW)
        self.revocations = RemoteRevocations(url, secret="s", lifetime=900, max_age=max_age, clock=clock)
        self.revocations._thread.start = lambda: None  # type: ignore[method-assign]
        self.signals = self.revocations._thread.signals

    def say(self, event: str, data: object = "", last_id: str = "") -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.revocations._take(event, last_id, text, self.signals)

    def contact(self, event: str = "contact", *, staleness: float = 0, epoch: int = 0, time: int = NOW) -> None:
        self.say(event, {"staleness": staleness, "epoch": epoch, "time": time})


class TestContact:
    @pytest.fixture
    def gate(self, monkeypatch: pytest.MonkeyPatch) -> Gate:
        monkeypatch.setattr("gatepass.remote.connection.FIRST_LOAD_TIMEOUT", 0)
        return Gate(monkeypatch)

    def test_it_is_counted_from_the_gates_own_contact_with_its_store(self, gate: Gate) -> None:
        gate.contact("caught-up", staleness=20)
        assert answers(gate.revocations)
        gate.time.now += 9
        assert answers(gate.revocations)
        gate.time.now += 2
        assert not answers(gate.revocations)

    def test_a_gate_that_is_out_of_touch_itself_is_no_contact_however_often_it_speaks(self, gate: Gate) -> None:
        gate.contact("caught-up")
        for _ in range(15):
            gate.time.now += 3
            gate.contact(staleness=gate.time.now - 1_000)
        assert not answers(gate.revocations)
        gate.contact("caught-up", staleness=31)
        assert not answers(gate.revocations)
        gate.contact(staleness=1)
        assert answers(gate.revocations)

    def test_revocations_alone_are_no_contact(self, gate: Gate) -> None:
        gate.contact("caught-up")
        gate.time.now += 31
        gate.say("revoked", "0a" * 16, "1.1-1")
        assert not answers(gate.revocations)
        assert knows(gate.revocations, "0a" * 16)

    def test_nothing_is_known_before_the_first_batch_is_complete(self, gate: Gate) -> None:
        gate.contact("contact")
        assert not answers(gate.revocations)

    @pytest.mark.parametrize(
        "data",
        ["", "{}", "[]", "null", "x", '{"staleness": NaN, "epoch": 0, "time": 1}', '{"staleness": "0", "epoch": 0}'],
    )
    def test_an_event_that_says_nothing_of_the_gates_contact_is_none(self, gate: Gate, data: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            gate.say("caught-up", data)
        assert not answers(gate.revocations)

    def test_an_epoch_ends_the_sessions_of_before_it_here_too(self, gate: Gate) -> None:
        gate.contact("caught-up", epoch=NOW)
        assert gate.revocations.epoch == NOW
        gate.contact(epoch=0)
        assert gate.revocations.epoch == NOW, "it is never lowered"

    def test_a_revocation_counts_for_a_tokens_life_and_all_tolerances(self, gate: Gate) -> None:
        gate.contact("caught-up")
        gate.say("revoked", "0a" * 16, "1.1-1")
        gate.time.now += 900 + 60 + 60  # the largest clock_skew and leeway of a policy
        gate.contact()
        assert knows(gate.revocations, "0a" * 16)

    def test_an_account_whose_claims_changed_has_stale_tokens_here_too(self, gate: Gate) -> None:
        gate.contact("caught-up")
        gate.say("claims", {"account": "ann", "number": 41, "within": 0}, "1.1-1.1")
        assert gate.revocations.marks.is_stale("ann", 40, NOW)
        assert not gate.revocations.marks.is_stale("ann", 41, NOW)
        assert gate.revocations._last_id == "1.1-1.1"

    @pytest.mark.parametrize("data", ["", "{}", "[]", '{"account": 1, "number": 1, "within": 0}', '{"account": "a"}'])
    def test_an_event_of_claims_that_cannot_be_read_is_none(self, gate: Gate, data: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            gate.say("claims", data)
        assert gate.revocations.marks.newest == 0

    def test_a_clock_that_differs_from_the_gates_is_logged_once(
        self, gate: Gate, caplog: pytest.LogCaptureFixture
    ) -> None:
        gate.contact("caught-up", time=NOW - 5)
        assert not caplog.records
        for _ in range(3):
            gate.contact(time=NOW - 960)
        assert [record.getMessage() for record in caplog.records] == [
            "the clock of this machine is +960 seconds from that of gate.example"
        ]


@pytest.mark.parametrize("fault", [ZeroDivisionError, KeyError, MemoryError, RecursionError, AssertionError])
def test_a_follower_that_dies_is_logged_and_follows_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: type[Exception]
) -> None:
    monkeypatch.setattr("gatepass.remote.connection.RESTART_INTERVAL", (0.0, 0.0))
    runs: list[int] = []

    def run(signals: Signals) -> None:
        runs.append(1)
        if len(runs) < 3:
            raise fault
        signals.stopped.wait()

    thread = FollowerThread("gatepass-test", run)
    thread.start()
    until(lambda: len(runs) == 3)
    thread.close()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
