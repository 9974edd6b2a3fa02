"""Where one request ends and the next begins: nothing that a proxy could read otherwise is taken (TR-07).

Each message is followed by an honest request on the same connection. Either the message is refused and the
connection ends, or it is one request and the honest one is the second: never is there a third answer.
"""

import pytest

from tests.support.process import Serving
from tests.system.security.raw_socket import request, say

CLIENT = "Gatepass-Client: 1"
HIDDEN = request("GET", "/auth/me")
"""What an attacker hides in a body, to be taken for the request of the next client."""
LOGOUT = ("POST", "/auth/logout", CLIENT)

REFUSED = {
    "two lengths": request(*LOGOUT, "Content-Length: 0", f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
    "two equal lengths": request(*LOGOUT, "Content-Length: 0", "Content-Length: 0"),
    "a list of lengths": request(*LOGOUT, "Content-Length: 0, 0"),
    "a length and chunks": request(*LOGOUT, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and a length": request(*LOGOUT, "Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
    "an unknown coding": request(*LOGOUT, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunks that are not last": request(*LOGOUT, "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "a folded line": request(*LOGOUT, "X-A: a\r\n b"),
    "a folded coding": request(*LOGOUT, "Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "lines without CR": b"POST /auth/logout HTTP/1.1\nHost: localhost\nGatepass-Client: 1\n\n",
    "a CR within a value": request(*LOGOUT, "X-A: a\rTransfer-Encoding: chunked"),
    "a NUL within a value": request(*LOGOUT, "X-A: a\0b"),
    "a space before the colon": request(*LOGOUT, "Content-Length : 0"),
    "a space before the coding's colon": request(*LOGOUT, "Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "a header without a name": request(*LOGOUT, ": x"),
    "a length with a sign": request(*LOGOUT, "Content-Length: +1", body=b"x"),
    "a negative length": request(*LOGOUT, "Content-Length: -1", body=b"x"),
    "a hexadecimal length": request(*LOGOUT, "Content-Length: 0x1", body=b"x"),
    "a length beyond any number": request(*LOGOUT, f"Content-Length: {'9' * 30}", body=b"x"),
    "a chunk beyond any number": request(*LOGOUT, "Transfer-Encoding: chunked", body=b"F" * 17 + b"\r\nx"),
    "a chunk of no number": request(*LOGOUT, "Transfer-Encoding: chunked", body=b"ZZ\r\nx"),
    "a negative chunk": request(*LOGOUT, "Transfer-Encoding: chunked", body=b"-1\r\nx"),
    "chunks without CR": request(*LOGOUT, "Transfer-Encoding: chunked", body=b"0\n\n"),
    "a version to come": request("GET", "/auth/me", version="9.9"),
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method of nobody": request("FOO", "/auth/me"),
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a path that is not ASCII": "GET /auth/é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
}
ONE_REQUEST = {
    "two codings of which the last is chunked": request(
        *LOGOUT, "Transfer-Encoding: identity", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "chunks with an extension": request(*LOGOUT, "Transfer-Encoding: chunked", body=b"0;a=b\r\n\r\n"),
    "chunks with a trailer": request(
        *LOGOUT, "Transfer-Encoding: chunked", body=b"0\r\nAuthorization: Bearer x.y.z\r\n\r\n"
    ),
    "an expectation": request(*LOGOUT, "Expect: 100-continue", "Content-Length: 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_of_doubtful_length_is_refused_and_its_connection_ends(server: Serving, name: str) -> None:
    heard = say(server.port, REFUSED[name])
    assert heard.is_closed
    assert heard.statuses == [400]
    assert b"gatepass" not in heard.raw, "nothing of ours was asked"


@pytest.mark.parametrize("name", ONE_REQUEST)
def test_what_is_taken_is_one_request_and_the_next_one_is_the_next(server: Serving, name: str) -> None:
    heard = say(server.port, ONE_REQUEST[name])
    assert heard.is_closed
    assert heard.raw.endswith(b'{"status":"ok"}')
    assert len([status for status in heard.statuses if status >= 200]) == 2


def test_a_body_that_nobody_announced_is_the_next_message_and_a_broken_one(server: Serving) -> None:
    heard = say(server.port, request("GET", "/auth/me", body=b"x" * 20))
    assert heard.statuses in ([400], [401, 400])
    assert b'"ok"' not in heard.raw, "what follows a broken message is not trusted either"


def test_a_body_that_a_get_announces_is_not_taken_for_a_request(server: Serving) -> None:
    hidden = request("POST", "/auth/logout", CLIENT)
    heard = say(server.port, request("GET", "/auth/me", f"Content-Length: {len(hidden)}", body=hidden))
    assert heard.statuses == [401, 200]


def test_a_refused_body_is_not_taken_for_a_request(server: Serving) -> None:
    """413 and 415 are answered before the body is read; what is left of it must not become a request."""
    hidden = request("GET", "/auth/me") * 400
    for kind in ("text/plain", "application/json"):
        sent = request(
            "POST", "/auth/login", CLIENT, f"Content-Type: {kind}", f"Content-Length: {len(hidden)}", body=hidden
        )
        assert say(server.port, sent).statuses in ([413], [413, 200])


def test_no_answer_names_the_program_or_its_version(server: Serving) -> None:
    for raw in (request("GET", "/auth/me"), request("GET", "/healthz"), REFUSED["two lengths"]):
        head = say(server.port, raw).raw.lower()
        assert b"\r\nserver:" not in head
        assert b"uvicorn" not in head
        assert b"x-powered-by" not in head


HOSTS = ["evil.example", "localhost:1@evil.example", "localhost\tevil.example", "", "[::1", "../../etc", "a" * 2_000]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_header_of_any_kind_decides_nothing(server: Serving, host: str) -> None:
    """The public URL decides cookies, issuer and origin: nothing in an answer depends on the Host, nor repeats it."""
    lines = [
        "POST /auth/refresh HTTP/1.1",
        f"Host: {host}",
        f"X-Forwarded-Host: {host}",
        f"Forwarded: host={host}",
        "X-Forwarded-Proto: https",
        CLIENT,
        "Content-Length: 0",
    ]
    heard = say(server.port, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    assert heard.statuses[0] == 401
    assert b"evil" not in heard.raw
    assert b"location:" not in heard.raw.lower()


def test_an_absolute_target_opens_no_proxy(server: Serving) -> None:
    heard = say(server.port, request("GET", "http://evil.example/auth/me"))
    assert heard.statuses == [401, 200]
    assert b"evil" not in heard.raw
