"""The headers of device-bound sessions: both spellings are written, and all that browsers send is read (DB-03)."""

import pytest

from gatepass.wire import secure_session
from gatepass.wire.headers import Headers

SID = "0123456789abcdef" * 2


def headers(name: str, *values: str) -> Headers:
    return Headers([(name.encode(), value.encode()) for value in values])


def test_both_dialects_are_written_as_the_drafts_have_them() -> None:
    assert secure_session.registration("device/start", "c") == [
        ("secure-session-registration", '(ES256 RS256);path="device/start";challenge="c"'),
        ("sec-session-registration", '(ES256 RS256);path="device/start";challenge="c"'),
    ]
    assert secure_session.challenge("c", SID)[0] == ("secure-session-challenge", f'"c";id="{SID}"')


@pytest.mark.parametrize("name", ["secure-session-response", "sec-session-response"])
@pytest.mark.parametrize("value", ["a.b.c", '"a.b.c"', ' "a.b.c" ', '"a.b.c";v=1', "a.b.c;v=1", "a.b.c ; v=1"])
def test_a_proof_is_read_with_and_without_quotes(name: str, value: str) -> None:
    assert secure_session.read_proof(headers(name, value)) == "a.b.c"


@pytest.mark.parametrize("name", ["sec-secure-session-id", "sec-session-id"])
def test_a_session_is_read_with_and_without_quotes(name: str) -> None:
    assert {secure_session.read_session_id(headers(name, value)) for value in (SID, f'"{SID}"')} == {SID}


def test_what_is_absent_is_none_and_what_cannot_be_read_is_empty() -> None:
    assert secure_session.read_proof(Headers([])) is None
    for values in (["a", "a"], ['"a'], ["a b"], ['"a"b"'], [""]):
        assert secure_session.read_proof(headers("secure-session-response", *values)) == "", values


def test_the_reason_of_a_request_without_its_cookie_is_that_of_this_session() -> None:
    other = "f" * 32
    value = f'unreachable;session_identifier="{other}", quota_exceeded;session_identifier="{SID}"'
    assert secure_session.read_skipped(headers("secure-session-skipped", value), SID) == "quota_exceeded"
    assert secure_session.read_skipped(headers("sec-session-skipped", value), other) == "unreachable"
    assert secure_session.read_skipped(headers("secure-session-skipped", value), "0" * 32) is None
    for text in ("", "quota_exceeded", f'made_up;session_identifier="{SID}"', f'"{SID}"'):
        assert secure_session.read_skipped(headers("secure-session-skipped", text), SID) is None
