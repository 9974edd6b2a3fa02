"""JSON that two readers would read differently, and addresses that look alike (CS-05, EL-01, ASVS 1.5 and 2.2)."""

import json

import pytest

from gatepass.errors import Unprocessable
from gatepass.wire.bodies import parse_email
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness

HEADERS = [("gatepass-client", "1"), ("content-type", "application/json")]
GOOD = f'"email":"{EMAIL}","password":"{PASSWORD}"'


async def login(at: GateHarness, body: str | bytes) -> Answer:
    raw = body if isinstance(body, bytes) else body.encode()
    return await call(at.gate.asgi, "POST", "/login", headers=HEADERS, body=raw)


@pytest.mark.parametrize(
    "body",
    [
        f'{{{GOOD},"email":"bob@example.com"}}',
        f'{{{GOOD},"password":"another password"}}',
        f'{{{GOOD},"\\u0070assword":"another password"}}',
        f'{{{GOOD},"remember":true,"remember":false}}',
        f"{{{GOOD},{GOOD}}}",
    ],
)
async def test_a_member_that_stands_twice_is_refused_before_any_work(at: GateHarness, ann: Browser, body: str) -> None:
    answer = await login(at, body)
    assert (answer.status, answer.code) == (400, "malformed-json")
    assert (at.store.verbs, at.hasher.calls) == ([], 1), "the one hash is that of the sign-up"


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf{" + GOOD.encode() + b"}",
        ("{" + GOOD + "}").encode("utf-16"),
        ("{" + GOOD + "}").encode("utf-32"),
        b'{"email":"a","password":"\xc0\xaf"}',
        b'{"email":"a","password":"\xed\xa0\x80"}',
        b'{"email":"a","password":"\\ud800"}',
        b'{"email":"a","password":"\\udc00\\ud800"}',
        b'{"email":"a","password":"a\x00b"}',
        b'{"email":"a","password":"a\nb"}',
        b'{"email":"a","password":"\\x41"}',
        b'{"email":"a","password":"x",}',
        b'{"email":"a","password":"x"} {}',
        b'{"email":"a","password":"x"}\x00',
        b"{'email':'a','password':'x'}",
        b'{email:"a",password:"x"}',
        b'/**/{"email":"a","password":"x"}',
        b'{"email":"a","password":"x","remember":' + b"1" * 5_000 + b"}",
        b"[" * 10_000,
        b'{"a":' * 3_000,
        b'{"email":"a","password":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"",
    ],
)
async def test_what_is_not_plain_json_in_utf_8_is_a_400(at: GateHarness, body: bytes) -> None:
    answer = await login(at, body)
    assert (answer.status, answer.code) == (400, "malformed-json")
    assert (at.store.verbs, at.hasher.calls) == ([], 0)


@pytest.mark.parametrize(
    "body",
    [
        '{"email":"a","password":NaN}',
        '{"email":"a","password":-Infinity}',
        '{"email":"a","password":"x","remember":1e400}',
        '{"email":"a","password":"x","remember":1}',
        '{"email":"a","password":"x","remember":"true"}',
        '{"email":"a","password":"x","remember":null}',
        '{"email":"a","password":1e999}',
        '{"email":"a","password":-0}',
        '{"email":"a","password":true}',
        '{"email":"a","password":{"$ne":null}}',
        '{"email":{"$gt":""},"password":"x"}',
        '{"email":["a","b"],"password":"x"}',
        f'{{{GOOD},"__proto__":{{"is_admin":true}}}}',
        f'{{{GOOD},"constructor":{{"prototype":{{}}}}}}',
        f'{{{GOOD},"account_id":"x"}}',
        f'{{{GOOD},"disabled_at":null}}',
        f'{{{GOOD},"scope":"admin"}}',
        '{"EMAIL":"a","password":"x"}',
        "[]",
        "null",
        '"x"',
        "1",
    ],
)
async def test_another_type_or_member_is_a_422_and_is_never_made_to_fit(at: GateHarness, body: str) -> None:
    answer = await login(at, body)
    assert (answer.status, answer.code) == (422, "invalid-body")
    assert (at.store.verbs, at.hasher.calls) == ([], 0)


async def test_escaped_names_and_characters_are_what_they_stand_for(at: GateHarness, ann: Browser) -> None:
    body = f'{{"\\u0065mail":"{EMAIL}","password":{json.dumps(PASSWORD).replace("s", chr(92) + "u0073")}}}'
    assert (await login(at, body)).status == 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "ANN@EXAMPLE.COM"),
        ("é@example.com", "e\u0301@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@bücher.example", "ANN@BÜCHER.example"),
        ("ann@example.com", "ann@ｅxample.com"),
        ("ann@example.com", "ann@example。com"),
    ],
)
def test_spellings_of_one_mailbox_are_one_account(one: str, other: str) -> None:
    assert parse_email(one)[1] == parse_email(other)[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "аnn@example.com"),
        ("ann@example.com", "ann@exаmple.com"),
        ("ann@fass.example", "ann@faß.example"),
        ("ann@example.com", "ａｎｎ@example.com"),
        ("ann@example.com", "ann+x@example.com"),
        ("i@example.com", "ı@example.com"),
    ],
)
def test_mailboxes_that_only_look_alike_are_two_accounts(one: str, other: str) -> None:
    assert parse_email(one)[1] != parse_email(other)[1]


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com\x00",
        "ann@example.com,eve@example.com",
        "ann@example.com;eve@example.com",
        "Ann <ann@example.com>",
        '"ann eve"@example.com',
        "ann@[127.0.0.1]",
        "ann@@example.com",
        "ann%eve@example.com@example.com",
        "ann\u200b@example.com",
        "ann\u202e@example.com",
        "ann\u2028@example.com",
        "ann\xad@example.com",
        "ann@example.com.",
        "ann@localhost",
        "ann@" + "b" * 260 + ".com",
        "\ud800@example.com",
    ],
)
def test_what_could_be_two_addresses_or_hide_something_is_none(text: str) -> None:
    with pytest.raises(Unprocessable):
        parse_email(text)
