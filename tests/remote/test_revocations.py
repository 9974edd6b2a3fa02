"""Revocations over server-sent events: a service without the store refuses the sessions that the gate revokes (P4)."""

import asyncio
import json
import re
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gatepass.core.keyring import compose_secret
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.remote import RemoteRevocations
from gatepass.remote.connection import FollowerThread, Signals
from gatepass.serving.process import bind
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import ManualClock
from tests.support.fake_time import FakeTime
from tests.support.gates import NOW, SECRET
from tests.support.process import Serving, serving
from tools.services.patience import until

REVOCATION_FEED_SECRET = compose_secret(bytes(range(60, 92)))
SETTINGS = {"SECRET": SECRET, "REVOCATION_FEED_SECRET": REVOCATION_FEED_SECRET, "STORE": "sqlite:///gate.db"}
HEADERS = {"Gatepass-Client": "1"}
NOBODY = "ff" * 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("feed"), SETTINGS) as running:
        yield running


class Ann:
    """Signs in again and again, and signs out."""

    def __init__(self, port: int) -> None:
        self._url = f"http://localhost:{port}/auth"
        self._credentials = {"email": f"{secrets.token_hex(4)}@example.com", "password": secrets.token_urlsafe(24)}
        self._path = "/register"

    def sign_in(self) -> tuple[str, str]:
        """The session id and its access token."""
        answer = httpx2.post(self._url + self._path, json=self._credentials, headers=HEADERS)
        self._path = "/login"
        granted = answer.json()
        return granted["session_id"], granted["access_token"]

    def sign_out(self, access_token: str) -> None:
        headers = {**HEADERS, "Authorization": f"Bearer {access_token}"}
        assert httpx2.post(self._url + "/logout", headers=headers).status_code == 204


def follow(port: int, **arguments: float) -> RemoteRevocations:
    url = f"http://localhost:{port}/auth/revocations"
    return RemoteRevocations(url, secret=REVOCATION_FEED_SECRET, lifetime=900, **{"max_age": 3600.0, **arguments})  # type: ignore[arg-type]


def knows(revocations: RemoteRevocations, sid: str) -> bool:
    """Whether the list has this session."""
    try:
        return revocations.is_revoked(sid)
    except Unavailable:
        return False


def answers(revocations: RemoteRevocations) -> bool:
    """Whether the list is fresh enough to answer."""
    try:
        return not revocations.is_revoked(NOBODY)
    except Unavailable:
        return False


@pytest.mark.slow
class TestAgainstAServer:
    def test_what_ended_before_and_what_ends_later_is_refused(self, server: Serving) -> None:
        ann = Ann(server.port)
        before, token = ann.sign_in()
        ann.sign_out(token)
        revocations = follow(server.port)
        assert revocations.is_revoked(before), "the first question waits for the first answer"
        assert not revocations.is_revoked(NOBODY)
        later, token = ann.sign_in()
        assert not revocations.is_revoked(later)
        ann.sign_out(token)
        until(lambda: knows(revocations, later))
        revocations.close()

    @pytest.mark.parametrize("shown", [None, "Bearer x", f"Bearer {SECRET}", f"Basic {REVOCATION_FEED_SECRET}"])
    def test_nobody_else_reads_it(self, server: Serving, shown: str | None) -> None:
        headers = {"Authorization": shown} if shown else {}
        answer = httpx2.get(f"http://localhost:{server.port}/auth/revocations", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] in ("token-required", "invalid-token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_it_follows_again_after_it_was_closed(self, server: Serving) -> None:
        ann = Ann(server.port)
        revocations = follow(server.port)
        assert answers(revocations)
        revocations.close()
        sid, token = ann.sign_in()
        ann.sign_out(token)
        until(lambda: knows(revocations, sid))
        revocations.close()

    def test_an_access_token_does_not_open_it(self, server: Serving) -> None:
        _, token = Ann(server.port).sign_in()
        url = f"http://localhost:{server.port}/auth/revocations"
        assert httpx2.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_a_resumed_stream_begins_where_the_last_one_ended(self, server: Serving) -> None:
        ann = Ann(server.port)
        sid, token = ann.sign_in()
        ann.sign_out(token)
        url = f"http://localhost:{server.port}/auth/revocations"
        seen = {}
        last = ""
        for name in ("from the start", "resumed", "of another process", "no id"):
            last = {"of another process": f"00000000.1-{10**9}", "no id": "9" * 30}.get(name, last)
            headers = {"Authorization": f"Bearer {REVOCATION_FEED_SECRET}", "Last-Event-ID": last}
            with httpx2.stream("GET", url, headers=headers) as answer:
                assert answer.headers["content-type"] == "text/event-stream"
                assert answer.headers["cache-control"] == "no-store, no-transform"
                seen[name] = next(answer.iter_text())
            last = re.findall(r"^id: (.+)$", seen[name], re.MULTILINE)[-1:][0] if name == "from the start" else last
        assert [sid in text for text in seen.values()] == [True, False, True, True]
        assert all("event: caught-up\n" in text for text in seen.values())


def test_without_a_service_secret_there_is_no_such_endpoint(tmp_path: Path) -> None:
    with serving(tmp_path, {"SECRET": SECRET}) as server:
        assert httpx2.get(f"http://localhost:{server.port}/auth/revocations").status_code == 404


def test_out_of_reach_from_the_start_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.remote.connection.FIRST_LOAD_TIMEOUT", 0.01)
    with bind("127.0.0.1", 0) as nobody_listens:
        port = nobody_listens.getsockname()[1]
    revocations = follow(port)
    with pytest.raises(Unavailable, match="not-ready"):
        revocations.is_revoked(NOBODY)
    revocations.close()


@pytest.mark.slow
class TestAServerThatGoesAway:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gatepass.remote.revocations.RECONNECT_INTERVAL", (0.01, 0.05))

    def test_what_ended_meanwhile_is_made_up_for_and_what_was_known_stays_known(self, tmp_path: Path) -> None:
        with serving(tmp_path, SETTINGS) as server:
            ann = Ann(server.port)
            (early, token), (missed, _) = ann.sign_in(), ann.sign_in()
            ann.sign_out(token)
            revocations = follow(server.port)
            assert revocations.is_revoked(early)
            server.stop(signal.SIGKILL)
            assert asyncio.run(revoke_beside(tmp_path / "gate.db", missed))
            assert not revocations.is_revoked(missed)
            assert revocations.is_revoked(early)
            with serving(tmp_path, SETTINGS, port=server.port):
                until(lambda: knows(revocations, missed))
                revocations.close()

    def test_out_of_touch_for_longer_than_its_patience_it_answers_no_more(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FakeTime()
        monkeypatch.setattr("gatepass.access.revoked_sessions.time", clock)
        with serving(tmp_path, SETTINGS) as server:
            revocations = follow(server.port, max_age=30)
            until(lambda: answers(revocations))
            server.stop(signal.SIGKILL)
            clock.now += 20
            assert not revocations.is_revoked(NOBODY)
            clock.now += 11
            with pytest.raises(Unavailable, match="out-of-touch"):
                revocations.is_revoked(NOBODY)
            with serving(tmp_path, SETTINGS, port=server.port):
                until(lambda: answers(revocations))
                revocations.close()


async def revoke_beside(path: Path, sid: str) -> bool:
    store = SQLiteStore(path)
    await store.open()
    ended = await store.revoke(bytes.fromhex(sid), reason="revoked", now=int(time.time()))
    await store.close()
    return ended is not None


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
