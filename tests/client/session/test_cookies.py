"""Cookies of the application and of what stands before it live in the client's jar as in that of any client."""

import time
from collections.abc import Callable
from http.cookiejar import CookieJar

import httpx
import httpx2
import pytest

from gatepass.client import Client
from gatepass.client.session.cookies import exclude_own_cookies

HERE = "https://api.example.com"
GRANT = {
    "access_token": "e.y.J",
    "token_type": "Bearer",
    "expires_in": 900,
    "session_id": "0" * 32,
    "refresh_generation": 0,
    "refresh_challenge": "q83vEjRWeJo",
    "account": {"id": "1", "email": "ann@example.com", "email_verified": True, "created_at": 1_800_000_000},
}


def _behind_a_balancer(request: httpx2.Request) -> httpx2.Response:
    """It sets its cookie on the first answer, which is that of the sign-in."""
    cookies = [("Set-Cookie", "__Host-Http-gatepass=gp_rt_x; Path=/; Secure; HttpOnly")]
    if request.url.path == "/auth/login":
        return httpx2.Response(200, json=GRANT, headers=[*cookies, ("Set-Cookie", "balancer=7; Path=/; Max-Age=600")])
    return httpx2.Response(200, json=request.headers.get("Cookie"))


def test_a_cookie_that_comes_with_the_sign_in_goes_with_the_calls_that_follow() -> None:
    with Client(HERE, transport=httpx2.MockTransport(_behind_a_balancer)) as api:
        api.sign_in("ann@example.com", "seven green bottles")
        assert api.get("/notes").json() == "balancer=7"


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("used_before", [True, False])
def test_a_cookie_that_has_run_out_is_sent_no_more(
    library: object, used_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar, send, pass_time = _jar_of(library, monkeypatch)
    if used_before:
        send()
    exclude_own_cookies(jar)
    assert send("lang=de; Path=/; Max-Age=60") is None
    assert send() == "lang=de"
    pass_time(61)
    assert send() is None


@pytest.mark.parametrize(
    "name",
    ["__Host-Http-gatepass_page", "__Host-Http-gatepass_page_8443", "gatepass_page_8000", "gatepass_page_80_one"],
)
def test_the_page_cookie_gets_into_no_jar_as_the_others_of_a_gate(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jar, send, _ = _jar_of(httpx2, monkeypatch)
    exclude_own_cookies(jar)
    send(f"{name}=e.y.J; Path=/; Secure")
    assert list(jar) == []


def _jar_of(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> tuple[CookieJar, Callable[..., str | None], Callable[[int], None]]:
    """A jar of a library, what sends a request with it and takes the answer's cookie, and what lets time pass."""
    assert library in (httpx, httpx2)
    kinds = httpx2 if library is httpx2 else httpx
    cookies = kinds.Cookies()
    real, ahead = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    def send(set_cookie: str | None = None) -> str | None:
        request = kinds.Request("GET", f"{HERE}/", cookies=cookies)
        headers = {"Set-Cookie": set_cookie} if set_cookie else {}
        cookies.extract_cookies(kinds.Response(200, headers=headers, request=request))
        sent: str | None = request.headers.get("Cookie")
        return sent

    def pass_time(seconds: int) -> None:
        ahead[0] += seconds

    return cookies.jar, send, pass_time
