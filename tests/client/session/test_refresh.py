"""A silent refresh: when it runs, when not, and what becomes of calls and session when it cannot."""

import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from gatepass.client import Client, MemoryStorage
from gatepass.client.errors import ClientError, RefreshUnavailableError, SessionEndedError, StorageError
from gatepass.client.session.endpoints import answer_of, read_grant
from gatepass.client.storage.record import SessionRecord
from tests.client.fake_api import Api, age_token, problem, signed_in
from tests.client.harness import PASSWORD, Harness
from tools.services.patience import PATIENCE

REFRESH = "/auth/refresh"


@pytest.fixture
def ann(real: Harness) -> Iterator[Client]:
    """Signed up, with an access token that the server refuses."""
    with Client(real.url, retry=None) as client:
        client.sign_up(f"{uuid.uuid4().hex}@example.com", PASSWORD)
        age_token(client.session, token="ey.of.yesterday")
        real.proxy.exchanges.clear()
        yield client


def test_a_refused_token_is_renewed_and_the_call_goes_again(real: Harness, ann: Client) -> None:
    sid = ann.session.session_id
    assert ann.get("/auth/me").status_code == 200
    assert (ann.session.session_id, ann.session.status) == (sid, "active")
    seen = [(exchange.path, exchange.status) for exchange in real.proxy.exchanges]
    assert seen == [("/auth/me", 401), (REFRESH, 200), ("/auth/me", 200)]


def test_an_expired_token_is_renewed_before_the_call(real: Harness, ann: Client) -> None:
    age_token(ann.session, left=-1)
    assert ann.get("/auth/me").status_code == 200
    assert [exchange.status for exchange in real.proxy.exchanges] == [200, 200]


@pytest.mark.parametrize("loss", ["lose_answers", "lose_requests", "cut_answers"])
def test_a_lost_refresh_keeps_the_session_and_the_next_call_goes_on(real: Harness, ann: Client, loss: str) -> None:
    age_token(ann.session, left=-1)
    sid = ann.session.session_id
    getattr(real.proxy, loss)(REFRESH)
    with pytest.raises(RefreshUnavailableError) as raised:
        ann.get("/auth/me")
    assert isinstance(raised.value, httpx2.TransportError)
    assert ann.session.status == "degraded"
    assert ann.get("/auth/me").status_code == 200
    assert (ann.session.session_id, ann.session.status) == (sid, "active")
    assert real.proxy.count(REFRESH) == 2


def test_a_503_with_retry_after_keeps_the_session_and_is_believed(real: Harness, ann: Client) -> None:
    age_token(ann.session, left=-1)
    real.proxy.answer(REFRESH, 503, retry_after=3600)
    with pytest.raises(RefreshUnavailableError) as raised:
        ann.get("/auth/me")
    assert raised.value.retry_after == pytest.approx(3600, abs=PATIENCE)
    assert ann.session.status == "degraded"
    with pytest.raises(RefreshUnavailableError) as again:
        ann.get("/auth/me")
    assert 0 < (again.value.retry_after or 0) <= 3600
    assert real.proxy.count(REFRESH) == 1, "the server asked not to be asked"
    ann.session._backoff.clear()
    assert ann.get("/auth/me").status_code == 200


def test_calls_whose_token_still_holds_go_on_while_degraded() -> None:
    api = Api()
    api.refreshing = lambda _request: problem(503, "store-unavailable", {"Retry-After": "3600"})
    with api.client() as client:
        age_token(client.session, left=55)
        assert client.get("/x").status_code == 200
        _settled(client)
        assert client.session.status == "degraded"
        assert client.get("/x").status_code == 200
    assert len(api.refreshes) == 1


def test_with_little_time_left_the_call_goes_at_once_and_the_refresh_runs_beside_it() -> None:
    api, answered = Api(), threading.Event()

    def wait(_request: httpx2.Request) -> None:
        assert answered.wait(PATIENCE)

    api.refreshing = wait
    with api.client() as client:
        age_token(client.session, left=55)
        assert client.get("/x").request.headers["Authorization"] == "Bearer ey.0"
        answered.set()
        _settled(client)
        assert client.get("/x").request.headers["Authorization"] == "Bearer ey.1"
    assert len(api.refreshes) == 1


def test_a_thief_of_the_cookie_gets_nothing_and_the_owner_goes_on(real: Harness) -> None:
    storage, ended = MemoryStorage(), list[SessionEndedError]()
    with Client(real.url, storage=storage) as ann:
        ann.sign_up("owner@example.com", PASSWORD)
        stolen = storage.load()
        for key, is_bound in ((b"t" * 32, True), (b"t" * 32, False), (None, False)):
            copy = MemoryStorage()
            copy.save(replace(stolen, binding_key=key, is_bound=is_bound, access_token=None))
            with Client(real.url, storage=copy, on_ended=ended.append) as thief, pytest.raises(SessionEndedError):
                thief.get("/auth/me")
            assert copy.load().cookie == stolen.cookie
        assert [error.reason for error in ended] == ["unproven"] * 3
        age_token(ann.session, left=-1)
        assert ann.get("/auth/me").status_code == 200
        assert ann.session.session_id == stolen.sid


def test_a_key_that_the_server_refuses_ends_the_session_here_until_the_next_sign_in(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as ann:
        ann.sign_up("lost@example.com", PASSWORD)
        storage.save(replace(storage.load(), binding_key=b"x" * 32, access_token=None))
        age_token(ann.session, left=-1)
        with pytest.raises(SessionEndedError):
            ann.get("/auth/me")
        assert (ann.session.status, ann.session.reason) == ("ended", "unproven")
        real.proxy.exchanges.clear()
        assert ann.get("/auth/me").status_code == 401
        assert real.proxy.count(REFRESH) == 0, "it is not asked again"
        before = storage.load()
        ann.sign_in("lost@example.com", PASSWORD)
        assert ann.get("/auth/me").status_code == 200
        listed = ann.get("/auth/sessions").json()["sessions"]
    assert before.sid not in [one["id"] for one in listed], "the sign-in brought its cookie along"


def test_a_session_that_began_without_a_key_is_bound_by_its_next_refresh(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage, retry=None) as ann:
        _begin_unbound(real, storage)
        sid = storage.load().sid
        real.proxy.lose_answers(REFRESH)
        with pytest.raises(RefreshUnavailableError):
            ann.get("/auth/me")
        offered = storage.load()
        assert (offered.binding_key is not None, offered.is_bound) == (True, False)
        assert ann.get("/auth/me").status_code == 200
        bound = storage.load()
        assert (bound.sid, bound.binding_key, bound.is_bound) == (sid, offered.binding_key, True)
        age_token(ann.session, left=-1)
        assert ann.get("/auth/me").status_code == 200


def test_a_key_that_a_disk_does_not_take_binds_nothing_yet(real: Harness) -> None:
    class Full(MemoryStorage):
        fails = False

        def save(self, record: SessionRecord) -> None:
            super().save(record)
            if self.fails:
                raise StorageError("the disk is full")

    storage = Full()
    with Client(real.url, storage=storage) as ann:
        _begin_unbound(real, storage)
        storage.fails = True
        assert ann.get("/auth/me").status_code == 200
        assert not storage.load().is_bound
        storage.fails = False
        age_token(ann.session, left=-1)
        assert ann.get("/auth/me").status_code == 200
        assert storage.load().is_bound


def _begin_unbound(real: Harness, storage: MemoryStorage) -> None:
    """A session of a client that keeps no key, as one that a server began."""
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    answer = httpx2.post(f"{real.url}/auth/register", json=body, headers={"Gatepass-Client": "1"})
    grant = read_grant(answer_of(answer, sent_at=0.0))
    assert grant is not None
    record = SessionRecord(sid=grant.sid, generation=grant.generation, challenge=grant.challenge, cookie=grant.cookie)
    storage.save(record)


def test_a_thief_of_an_unbound_session_ends_it_and_the_application_is_told_once(real: Harness) -> None:
    ended: list[SessionEndedError] = []
    storage = MemoryStorage()
    with Client(real.url, storage=storage, on_ended=ended.append) as ann:
        _begin_unbound(real, storage)
        stolen = storage.load()
        sid, copy = stolen.sid, MemoryStorage()
        copy.save(stolen)
        with Client(real.url, storage=copy) as thief:
            assert thief.get("/auth/me").status_code == 200
        assert storage.load() == stolen
        with pytest.raises(SessionEndedError) as raised:
            ann.get("/auth/me")
        assert (raised.value.reason, raised.value.session_id) == ("reused", sid)
        assert (ann.session.status, ann.session.reason) == ("ended", "reused")
        assert ann.get("/auth/me").status_code == 401
    assert [(error.reason, error.session_id) for error in ended] == [("reused", sid)]
    assert storage.load().sid is None


def test_a_storage_that_fails_later_is_degraded_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(MemoryStorage):
        fails = False

        def save(self, record: SessionRecord) -> None:
            super().save(record)
            if self.fails:
                raise StorageError("the disk is full")

    api, storage = Api(), Failing()
    MemoryStorage.save(storage, signed_in().load())
    with api.client(storage=storage) as client, caplog.at_level(logging.WARNING, "gatepass.client"):
        age_token(client.session, left=-1)
        storage.fails = True
        assert client.get("/x").status_code == 200
        seen = [client.session.status]
        storage.fails = False
        age_token(client.session, left=-1)
        assert client.get("/x").status_code == 200
        assert [*seen, client.session.status] == ["degraded", "active"]
    assert "the disk is full" in caplog.text


def test_an_error_of_the_session_is_a_client_error(real: Harness) -> None:
    assert issubclass(SessionEndedError, ClientError)
    assert issubclass(RefreshUnavailableError, ClientError)


def _settled(client: Client) -> None:
    client._wait()
