"""One spelling of each path and one meaning of each method, as they stand on the wire (CS-01, TR-05)."""

import pytest

from tests.support.browser import Browser
from tests.support.gates import GateHarness
from tests.support.process import Serving
from tests.system.security.raw_socket import request, say

OTHER_SPELLINGS = [
    "//auth/me",
    "/auth//me",
    "/auth/./me",
    "/auth/../auth/me",
    "/auth/%2e%2e/auth/me",
    "/auth/x/../me",
    "/auth/x/%2e%2e%2fme",
    "/auth/me/",
    "/auth/me%00",
    "/auth/me%0d%0aSet-Cookie:%20x=y",
    "/auth/me;x=1",
    "/auth/me%3fx",
    "/auth/me%23x",
    "/auth/%6de",
    "/%61uth/me",
    "/auth%2fme",
    "/auth/me%2f",
    "/auth/me.json",
    "/auth\\me",
    "/auth/%u006de",
    "/auth/%256de",
    "/auth/%",
    "/auth/%c0%ae%c0%ae/me",
    "/auth/ｍｅ".encode().decode("latin-1"),
    "/AUTH/me",
    "/auth/ME",
    "/auth/sessions/%2e%2e%2fme",
    "/etc/passwd",
    "/../../../../etc/passwd",
    "/auth/..%2f..%2f..%2fetc%2fpasswd",
    "/.git/config",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/metrics",
    "/debug",
    "/server-status",
]


@pytest.mark.parametrize("path", OTHER_SPELLINGS)
def test_any_other_spelling_of_a_path_leads_nowhere(server: Serving, path: str) -> None:
    heard = say(server.port, request("GET", path))
    assert heard.statuses[0] in (400, 404)
    assert b"set-cookie" not in heard.raw.lower()
    assert b"location:" not in heard.raw.lower(), "and redirects nowhere: there is no open redirect"


@pytest.mark.parametrize("path", ["/auth/me", "/auth/me?x=1", "/auth/me?", "/auth/me?x=%2f"])
def test_a_query_is_no_part_of_a_path(server: Serving, path: str) -> None:
    assert say(server.port, request("GET", path)).statuses == [401, 200]


OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method", "X-Original-Method"]


@pytest.mark.parametrize("name", OVERRIDES)
async def test_no_header_makes_another_method_or_path_of_a_request(at: GateHarness, ann: Browser, name: str) -> None:
    for method in ("GET", "HEAD", "PUT"):
        for path in ("/refresh", "/logout", "/login"):
            headers = [(name.lower(), "POST"), ("x-original-url", "/logout"), ("x-rewrite-url", "/logout")]
            answer = await ann.send(method, path, headers=[*headers, *ann.refresh_headers()])
            assert (answer.status, answer.cookies) == (405, [])
    answer = await ann.send("POST", "/logout-all", headers=[(name.lower(), "DELETE"), ann.bearer])
    assert answer.status == 204, "the method on the wire is the one that counts"
    assert at.named("malicious_csrf") == []


@pytest.mark.parametrize(
    "query", ["_method=POST", "action=logout", "redirect=//evil.example", "next=javascript:alert(1)"]
)
def test_a_query_changes_nothing_and_sends_nobody_anywhere(server: Serving, query: str) -> None:
    for method, path in (("GET", "/auth/logout"), ("GET", "/auth/login"), ("POST", "/auth/refresh")):
        heard = say(server.port, request(method, f"{path}?{query}", "Content-Length: 0"))
        assert heard.statuses[0] in (403, 405)
        assert b"location:" not in heard.raw.lower()
        assert b"evil" not in heard.raw


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND", "PUT", "PATCH", "HEAD", "LINK", "PURGE"])
def test_a_method_that_is_not_offered_is_refused_and_repeats_nothing(server: Serving, method: str) -> None:
    canary = "canary-Zq7"
    heard = say(server.port, request(method, "/auth/login", f"Cookie: x={canary}", f"X-A: {canary}"))
    assert heard.statuses[0] == 405
    assert canary.encode() not in heard.raw
