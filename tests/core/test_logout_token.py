"""A logout token ends what it names, and nothing else is one (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6)."""

from typing import Any

import pytest

from gatepass.core.logout_token import EVENT, InvalidLogoutToken, LogoutToken, read_logout_token

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": "https://op.example",
    "aud": "gate",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "1",
    "sub": "110",
    "sid": "there",
    "events": {EVENT: {}},
}


def read(kind: str | None = "logout+jwt", **claims: Any) -> LogoutToken:
    given = {**CLAIMS, **claims}
    present = {name: value for name, value in given.items() if value is not ...}
    return read_logout_token(present, kind=kind, now=NOW, skew=60)


def test_it_names_a_session_a_subject_or_both() -> None:
    assert read() == LogoutToken("https://op.example", "110", "there", NOW)
    assert read(sub=...) == LogoutToken("https://op.example", None, "there", NOW)
    assert read(sid=...) == LogoutToken("https://op.example", "110", None, NOW)


@pytest.mark.parametrize("kind", [None, "JWT", "logout+jwt", "application/logout+jwt", "LOGOUT+JWT"])
def test_its_type_need_not_be_told(kind: str | None) -> None:
    assert read(kind).sid == "there"


@pytest.mark.parametrize("kind", ["at+jwt", "id_token", "", "dpop+jwt"])
def test_a_token_of_another_type_is_none(kind: str) -> None:
    with pytest.raises(InvalidLogoutToken, match="kind"):
        read(kind)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"events": ...}, "events"),
        ({"events": {}}, "events"),
        ({"events": [EVENT]}, "events"),
        ({"events": {EVENT: "x"}}, "events"),
        ({"events": {"https://other.example/event": {}}}, "events"),
        ({"nonce": "n"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"jti": ...}, "jti"),
        ({"jti": ""}, "jti"),
        ({"iat": ...}, "time"),
        ({"iat": "now"}, "time"),
        ({"iat": True}, "time"),
        ({"iat": NOW + 61}, "not issued yet"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"sub": ..., "sid": ...}, "neither"),
        ({"sub": ""}, "sub"),
        ({"sub": 110}, "sub"),
        ({"sid": ["there"]}, "sid"),
        ({"sid": None}, "sid"),
        ({"sid": "s" * 256}, "sid"),
        ({"sid": "a\n"}, "sid"),
    ],
)
def test_what_lacks_anything_ends_nothing(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidLogoutToken, match=why):
        read(**claims)


def test_clocks_may_differ_a_little_and_the_end_need_not_be_told() -> None:
    assert read(iat=NOW + 60, exp=...).issued_at == NOW + 60
    assert read(exp=NOW - 59).issued_at == NOW
    assert read(iat=NOW - 10**6, exp=...).issued_at == NOW - 10**6, "an old one ends what is older still"
