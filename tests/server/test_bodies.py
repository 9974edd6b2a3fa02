"""Signing up and in over HTTP: what comes back, and what is said of a body that does not do."""

import json
from collections.abc import Iterable

import pytest

from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, GateHarness

CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")


async def ask(
    at: GateHarness, method: str, path: str, *, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> Answer:
    types = [JSON] if body else []
    return await call(at.gate.asgi, method, path, headers=[CLIENT, *types, *headers], body=body)


class TestSignUpAndIn:
    async def test_register_answers_201_with_the_whole_sign_in(self, at: GateHarness) -> None:
        browser = Browser(at.gate.asgi)
        answer = await browser.register()
        body = answer.json()
        assert answer.status == 201
        assert body == {
            "access_token": browser.access_token,
            "token_type": "Bearer",
            "expires_in": 900,
            "session_id": browser.sid,
            "refresh_generation": 0,
            "refresh_challenge": browser.challenge,
            "account": {"id": body["account"]["id"], "email": EMAIL, "email_verified": False, "created_at": NOW},
        }
        for identifier in (body["session_id"], body["account"]["id"]):
            assert len(identifier) == 32
            assert set(identifier) <= set("0123456789abcdef")

    async def test_login_answers_200_with_the_same_members(self, at: GateHarness, ann: Browser) -> None:
        other = Browser(at.gate.asgi)
        at.clock.advance(60)
        answer = await other.login()
        assert answer.status == 200
        assert set(answer.json()) == {
            "access_token",
            "token_type",
            "expires_in",
            "session_id",
            "refresh_generation",
            "refresh_challenge",
            "account",
        }
        assert answer.json()["account"]["created_at"] == NOW
        assert other.sid != ann.sid

    @pytest.mark.parametrize("path", ["/register", "/login"])
    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, {"email", "password"}),
            ({"email": "a@b.example"}, {"password"}),
            ({"email": "a@b.example", "password": 1}, {"password"}),
            ({"email": None, "password": None}, {"email", "password"}),
            ({"email": [], "password": {}}, {"email", "password"}),
            ({"email": "", "password": ""}, {"email", "password"}),
            ({"email": "a@b.example", "password": "x", "remember": "yes"}, {"remember"}),
            ({"email": "a@b.example", "password": "x", "remember": 1}, {"remember"}),
            ({"email": "a" * 400 + "@b.example", "password": "x"}, {"email"}),
            ({"email": "a@b.example", "password": "x", "admin": True}, {"(unknown member)"}),
            ([], {"(body)"}),
            ("text", {"(body)"}),
            (None, {"(body)"}),
        ],
    )
    async def test_a_body_that_does_not_do_is_a_422_that_names_the_members(
        self, at: GateHarness, path: str, body: object, fields: set[str]
    ) -> None:
        answer = await ask(at, "POST", path, body=json.dumps(body).encode())
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert {fault["field"] for fault in answer.json()["errors"]} == fields
        assert all(set(fault) == {"field", "message"} for fault in answer.json()["errors"])

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b" ",
            b"{",
            b"{'email':1}",
            b'{"email":"a@b.example","password":"\xff"}',
            b'{"email":"a@b.example","password":"\\ud800"}',
            b"\xef\xbb\xbf{}",
            '{"email":"a"}'.encode("utf-16"),
            b"[" * 16_000,
            b'{"email":' * 1_700,
            b"{}{}",
            b"\x00",
        ],
    )
    async def test_what_is_not_json_in_utf_8_is_a_400(self, at: GateHarness, raw: bytes) -> None:
        answer = await ask(at, "POST", "/login", body=raw)
        assert (answer.status, answer.code) == (400, "malformed-json")

    async def test_a_body_beyond_the_limit_is_a_413_declared_or_not(self, at: GateHarness) -> None:
        big = b'{"email":"' + b"a" * 20_000 + b'"}'
        declared = await ask(at, "POST", "/login", body=big)
        chunked = await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, JSON], chunks=[big[:9000], big[9000:]])
        huge = await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, JSON, ("content-length", "9" * 400)])
        for answer in (declared, chunked, huge):
            assert (answer.status, answer.code) == (413, "body-too-large")

    @pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "0x10", "", "1 1", "²"])
    async def test_a_content_length_that_is_no_number_is_a_400(self, at: GateHarness, length: str) -> None:
        answer = await call(
            at.gate.asgi, "POST", "/login", headers=[CLIENT, JSON, ("content-length", length)], body=b"{}"
        )
        assert (answer.status, answer.code) == (400, "malformed-request")

    @pytest.mark.parametrize("http_version", ["1.1", "2", "3"])
    async def test_a_body_in_any_framing_is_read(self, at: GateHarness, ann: Browser, http_version: str) -> None:
        """HTTP/2 and 3 need neither Content-Length nor Transfer-Encoding (RFC 9113 §8.1.1)."""
        body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        answer = await call(
            at.gate.asgi,
            "POST",
            "/login",
            headers=[CLIENT, JSON],
            chunks=[body[:10], b"", body[10:]],
            http_version=http_version,
        )
        assert answer.status == 200
