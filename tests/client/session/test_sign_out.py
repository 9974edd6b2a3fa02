"""Signing out: in effect at once, confirmed by the server sooner or later."""

import httpx2
import pytest

from gatepass.client import Client, MemoryStorage
from gatepass.client.errors import ClientError, SessionEndedError
from tests.client.fake_api import SID, Api, age_token, signed_in
from tests.client.harness import PASSWORD, Harness

LOGOUT = "/auth/logout"


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_signed_out_is_ended_here_and_at_the_server(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as api:
        api.sign_up("out@example.com", PASSWORD)
        token = storage.load().access_token
        api.sign_out()
        assert (api.session.status, api.session.reason, api.session.account) == ("ended", "signed-out", None)
        assert (storage.load().sid, storage.load().signed_out) == (None, ())
        api.sign_out()
    assert httpx2.get(f"{real.url}/auth/me", headers=bearer(token)).status_code == 401


def test_signed_out_everywhere_ends_all_sessions_of_the_account(real: Harness) -> None:
    with Client(real.url) as one, Client(real.url) as other:
        one.sign_up("all@example.com", PASSWORD)
        other.sign_in("all@example.com", PASSWORD)
        one.sign_out(everywhere=True)
        age_token(other.session, left=-1)
        with pytest.raises(ClientError):
            other.get("/auth/me")
        assert other.session.status == "ended"


def test_without_a_network_one_is_signed_out_and_the_server_is_told_at_the_next_start(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as api:
        api.sign_up("offline@example.com", PASSWORD)
        token = storage.load().access_token
        real.proxy.go_offline()
        api.sign_out()
        assert api.session.status == "ended"
    real.proxy.go_online()
    assert len(storage.load().signed_out) == 1
    assert httpx2.get(f"{real.url}/auth/me", headers=bearer(token)).status_code == 200
    with Client(real.url, storage=storage) as api:
        assert api.session.status == "anonymous"
        assert api.get("/auth/jwks.json").status_code == 200
    assert storage.load().signed_out == ()
    assert httpx2.get(f"{real.url}/auth/me", headers=bearer(token)).status_code == 401


def test_a_sign_out_that_waits_is_told_after_the_next_sign_in_and_leaves_the_new_session(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as api:
        api.sign_up("again@example.com", PASSWORD)
        token = storage.load().access_token
        real.proxy.lose_requests(LOGOUT)
        api.sign_out()
        assert len(storage.load().signed_out) == 1
        api.sign_in("again@example.com", PASSWORD)
        assert storage.load().signed_out == ()
        assert api.get("/auth/me").status_code == 200
    assert httpx2.get(f"{real.url}/auth/me", headers=bearer(token)).status_code == 401


def test_everywhere_without_a_network_signs_out_here_and_raises(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as api:
        api.sign_up("far@example.com", PASSWORD)
        real.proxy.lose_requests("/auth/logout-all")
        with pytest.raises(httpx2.TransportError):
            api.sign_out(everywhere=True)
        assert api.session.status == "ended"
        assert storage.load().sid is None


def test_a_refresh_under_way_does_not_bring_back_who_signed_out() -> None:
    api = Api()
    storage = signed_in(expired=True)
    with api.client(storage=storage) as client:

        def leave(_request: httpx2.Request) -> None:
            # As a program does whose wait for the lock has timed out.
            client.session._saved.sign_out(SID)
            client.session._end(SID, "signed-out")

        api.refreshing = leave
        with pytest.raises(SessionEndedError) as raised:
            client.get("/x")
        assert raised.value.reason == "signed-out"
        assert client.session.status == "ended"
    assert storage.load().sid is None
