"""Revocations over server-sent events: a service without the store refuses the sessions that the gate revokes (P4)."""

import asyncio
import re
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gatepass.errors import Unavailable
from gatepass.remote import RemoteRevocations
from gatepass.serving.process import bind
from gatepass.stores.sqlite.store import SQLiteStore
from tests.remote.follower import NOBODY, REVOCATION_FEED_SECRET, answers, knows
from tests.support.fake_time import FakeTime
from tests.support.gates import SECRET
from tests.support.process import Serving, serving
from tools.services.patience import until

SETTINGS = {"SECRET": SECRET, "REVOCATION_FEED_SECRET": REVOCATION_FEED_SECRET, "STORE": "sqlite:///gate.db"}
HEADERS = {"Gatepass-Client": "1"}


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
