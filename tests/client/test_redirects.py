"""Where tokens and cookies go, and where never."""

import httpx2
import pytest

from gatepass.client import Client
from gatepass.client.errors import RefreshUnavailableError
from tests.client.fake_api import URL, Api, signed_in

ELSEWHERE = [
    "https://other.example.com/x",
    "https://example.com/x",
    "https://api.example.com.evil.example/x",
    "https://api.example.com:8443/x",
    "http://api.example.com/x",
    "https://api.example.com@evil.example/x",
]


def tokens(api: Api, host: str) -> set[str | None]:
    return {call.headers.get("Authorization") for call in api.requests if str(call.url.copy_with(path="/")) == host}


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_redirect_to_another_origin_carries_no_token_and_no_cookie(address: str) -> None:
    api = Api()
    api.answering = lambda call: (
        httpx2.Response(307, headers={"Location": address}) if call.url.path == "/start" else httpx2.Response(200)
    )
    with api.client(follow_redirects=True) as client:
        assert client.post("/start", content=b"body").status_code == 200
    first, second = api.calls
    assert first.headers["Authorization"] == "Bearer ey.0"
    assert "Authorization" not in second.headers or second.url.userinfo
    assert "ey." not in str(second.headers.raw)
    assert "gp_rt" not in str(second.headers.raw)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_call_to_another_origin_carries_no_token(address: str) -> None:
    api = Api()
    with api.client() as client:
        client.get(address)
    assert "ey." not in str(api.calls[0].headers.raw)


def test_a_redirect_within_the_origin_keeps_the_token() -> None:
    api = Api()
    api.answering = lambda call: (
        httpx2.Response(307, headers={"Location": "/end"}) if call.url.path == "/start" else None
    )
    with api.client(follow_redirects=True) as client:
        assert client.get("/start").status_code == 200
    assert [call.headers.get("Authorization") for call in api.calls] == ["Bearer ey.0"] * 2


def test_a_redirect_followed_by_hand_gets_the_token_of_that_time() -> None:
    api = Api()
    api.answering = lambda call: (
        httpx2.Response(302, headers={"Location": "https://other.example.com/" if call.url.path == "/out" else "/end"})
        if call.url.path in ("/start", "/out")
        else None
    )
    with api.client() as client:
        following = client.get("/start").next_request
        assert following is not None
        assert client.send(following).status_code == 200
        leaving = client.get("/out").next_request
        assert leaving is not None
        client.send(leaving)
    assert "Authorization" not in api.calls[-1].headers


def test_plain_http_gets_a_token_on_loopback_only() -> None:
    for address, bears in (("http://localhost:8000", True), ("http://127.0.0.1", True), ("http://api.lan", False)):
        api = Api()
        with Client(address, transport=api, storage=signed_in()) as client:
            client.get("/x")
        assert ("Authorization" in api.calls[0].headers) == bears


def test_the_auth_endpoints_may_be_on_another_host() -> None:
    api = Api()
    address = "https://login.example.com/auth"
    with Client(URL, transport=api, auth_url=address, storage=signed_in(expired=True)) as client:
        client.get("/x")
        client.get("https://login.example.com/y")
    assert str(api.refreshes[0].url) == f"{address}/refresh"
    assert [call.headers["Authorization"] for call in api.calls] == ["Bearer ey.1"] * 2


def test_a_refresh_follows_no_redirect() -> None:
    api = Api()
    api.refreshing = lambda _request: httpx2.Response(307, headers={"Location": "https://evil.example/auth/refresh"})
    with api.client(storage=signed_in(expired=True), follow_redirects=True) as client:
        with pytest.raises(RefreshUnavailableError):
            client.get("/x")
        assert client.session.status == "degraded"
    assert {request.url.host for request in api.requests} == {"api.example.com"}
