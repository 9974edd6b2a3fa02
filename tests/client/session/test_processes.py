"""Programs that share a session file: one refresh for all, and none is signed out."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gatepass.client import Client, FileStorage
from gatepass.client.flow import drive
from tests.client.harness import Harness, expire
from tests.client.storage.records import full_disk
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

REFRESH = "/auth/refresh"


@pytest.fixture
def running(real: Harness) -> Harness:
    """The server of this file, as if it had not been asked anything yet."""
    real.proxy.exchanges.clear()
    return real


def test_eight_programs_with_an_expired_token_make_one_refresh_and_all_succeed(running: Harness) -> None:
    storage = running.sign_up("ann")
    sid = storage.load().sid
    expire(storage)
    programs = [running.program("once", str(storage.path)) for _ in range(8)]
    for one in programs:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in programs:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=PATIENCE)[0] for one in programs] == ["200 active\n"] * 8
    assert running.proxy.count(REFRESH) == 1
    assert (storage.load().sid, storage.load().generation) == (sid, 1)


def test_clients_of_one_file_in_one_process_make_one_refresh(running: Harness) -> None:
    storage = running.sign_up("ann")
    expire(storage)
    start = threading.Barrier(8)

    def call(_number: int) -> int:
        with Client(running.url, storage=FileStorage(storage.path)) as client:
            start.wait()
            return client.get("/auth/me").status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [200] * 8
    assert running.proxy.count(REFRESH) == 1


def test_a_program_goes_on_with_what_another_one_refreshed(running: Harness) -> None:
    storage = running.sign_up("ann")
    with Client(running.url, storage=FileStorage(storage.path)) as one:
        assert one.get("/auth/me").status_code == 200
        for _ in range(3):
            expire(storage)
            with Client(running.url, storage=FileStorage(storage.path)) as other:
                assert other.get("/auth/me").status_code == 200
        assert one.get("/auth/me").status_code == 200
        assert one.session.status == "active"
    assert running.proxy.count(REFRESH) == 3


def test_a_sign_out_in_one_program_is_one_in_the_other(running: Harness) -> None:
    storage = running.sign_up("ann")
    with Client(running.url, storage=FileStorage(storage.path)) as one:
        assert one.get("/auth/me").status_code == 200
        with Client(running.url, storage=FileStorage(storage.path)) as other:
            other.sign_out()
        assert one.get("/auth/me").status_code == 401
        assert one.session.status in ("anonymous", "ended")
    assert storage.load().sid is None


def test_a_program_that_holds_the_lock_for_ever_does_not_stop_the_others(running: Harness) -> None:
    storage = running.sign_up("ann")
    expire(storage)
    waits: list[float] = []

    class InVain(FileStorage):
        """Its wait for the lock has run out as soon as it begins."""

        @contextlib.contextmanager
        def locked(self, timeout: float) -> Iterator[bool]:
            waits.append(timeout)
            with super().locked(0) as held:
                assert not held
                yield held

    with FileStorage(storage.path).locked(1), Client(running.url, storage=InVain(storage.path), timeout=60) as client:
        assert client.get("/auth/me").status_code == 200
    assert 60 < waits[0] < 60 * 3, "longer than the call of the one before us, and bounded"


def test_a_program_that_was_stopped_with_the_lock_is_waited_for_once_until_the_lock_is_free(running: Harness) -> None:
    storage = running.sign_up("ann")
    waits: list[float] = []

    class Impatient(FileStorage):
        """Whatever it may wait, its wait runs out at once."""

        @contextlib.contextmanager
        def locked(self, timeout: float) -> Iterator[bool]:
            waits.append(timeout)
            with super().locked(0) as held:
                yield held

    with Client(running.url, storage=Impatient(storage.path), timeout=60) as client:
        with FileStorage(storage.path).locked(1):
            for _ in range(3):
                drive(client.session.refresh(), client)
        for _ in range(2):
            drive(client.session.refresh(), client)
    assert [wait > 60 for wait in waits[:5]] == [True, False, False, False, True]
    assert waits[1:4] == [0, 0, 0]


def test_what_a_disk_did_not_take_is_saved_before_the_next_refresh_or_when_the_client_is_closed(
    running: Harness,
) -> None:
    storage = running.sign_up("ann")
    sid = storage.load().sid
    with Client(running.url, storage=FileStorage(storage.path)) as client:
        with full_disk():
            for _ in range(20):  # more than a roll-back that a session survives
                drive(client.session.refresh(), client)
            assert (client.session.status, storage.load().generation) == ("degraded", 0)
        drive(client.session.refresh(), client)
        assert (client.session.status, storage.load().generation) == ("active", 21)
        with full_disk():
            drive(client.session.refresh(), client)
    assert (storage.load().sid, storage.load().generation) == (sid, 22)
    assert running.proxy.count(REFRESH, status=200) == 22


def test_a_client_that_is_closed_on_a_full_disk_says_what_is_lost(
    running: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    storage = running.sign_up("bob")
    expire(storage)
    with full_disk(), Client(running.url, storage=FileStorage(storage.path)) as client:
        assert client.get("/auth/me").status_code == 200
    assert f"session {storage.load().sid} is not saved: the storage has an older refresh token" in caplog.text


def test_on_a_disk_that_does_not_write_the_session_goes_on_and_says_so(running: Harness) -> None:
    storage = running.sign_up("ann")
    sid = storage.load().sid
    expire(storage)
    with Client(running.url, storage=FileStorage(storage.path)) as client:
        with full_disk():
            assert client.get("/auth/me").status_code == 200
            assert client.session.status == "degraded"
            assert client.get("/auth/me").status_code == 200
        assert (client.session.session_id, storage.load().generation) == (sid, 0)
    with Client(running.url, storage=FileStorage(storage.path)) as later:
        assert later.get("/auth/me").status_code == 200
        assert (later.session.status, later.session.session_id) == ("active", sid)
