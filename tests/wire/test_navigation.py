"""Whether a person opens a page by a request: browsers say so, and programs do not."""

import pytest

from gatepass.wire.headers import Headers
from gatepass.wire.navigation import is_navigation

BROWSERS = [
    [("sec-fetch-mode", "navigate"), ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")],
    [("sec-fetch-mode", "navigate")],
    [("sec-fetch-mode", "navigate"), ("x-requested-with", "org.example.app")],  # a web view of Android
    [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")],
    [("accept", "text/html, text/plain, text/sgml, text/css, */*;q=0.01")],  # Lynx
    [("accept", "image/webp"), ("accept", "Text/HTML;charset=utf-8;q=0.7")],
    [("accept", "application/xhtml+xml")],
]
PROGRAMS = [
    [],  # Go, the health checks of load balancers, test clients of Django and Flask
    [("accept", "*/*")],  # curl, httpx, requests, Wget, kube-probe, what makes previews of links
    [("accept", "application/json, text/plain, */*")],  # Axios
    [("accept", "application/problem+json")],
    [("accept", "image/*")],
    [("accept", "text/*")],
    [("accept", "text/html;q=0, application/json")],
    [("accept", "text/html;q=0.000")],
    [("accept", "application/json;profile=text/html")],
    [("accept", "text/html5")],
    [("sec-fetch-mode", "cors"), ("accept", "text/html, */*")],
    [("sec-fetch-mode", "no-cors"), ("accept", "image/*")],
    [("hx-request", "true"), ("accept", "text/html, */*")],
    [("x-requested-with", "XMLHttpRequest"), ("accept", "text/html, */*;q=0.01")],
]


@pytest.mark.parametrize("headers", BROWSERS, ids=str)
def test_a_browser_that_opens_a_page_is_known(headers: list[tuple[str, str]]) -> None:
    assert is_navigation(_of(headers))


@pytest.mark.parametrize("headers", PROGRAMS, ids=str)
def test_whatever_does_not_ask_for_a_page_by_name_is_none(headers: list[tuple[str, str]]) -> None:
    assert not is_navigation(_of(headers))


def _of(headers: list[tuple[str, str]]) -> Headers:
    return Headers([(name.encode(), value.encode()) for name, value in headers])
