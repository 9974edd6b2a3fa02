"""What an access token says of a session, and what an application may add to it."""

from collections.abc import Mapping

import pytest

from gatepass.core.access_token import RESERVED
from gatepass.core.claims import Issuer
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError
from gatepass.testing.records import NOW, account_of, session_of

SESSION = session_of(account_of())
PARTIES = ("https://auth.example.com", "https://api.example.com", "gatepass")


def test_the_claims_are_those_of_rfc_9068_and_of_the_session() -> None:
    assert claims_with({}) == {
        "iss": PARTIES[0],
        "sub": SESSION.account_id,
        "aud": PARTIES[1],
        "exp": NOW + 900,
        "iat": NOW,
        "jti": "t1",
        "client_id": PARTIES[2],
        "sid": SESSION.sid.hex(),
        "auth_time": SESSION.authenticated_at,
        "amr": ["pwd"],
    }


def claims_with(extra: Mapping[str, Json]) -> Mapping[str, Json]:
    return Issuer(*PARTIES).claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900, extra=extra)


def test_what_the_hook_returned_is_added_to_them() -> None:
    assert claims_with({"roles": ["editor"]}) == {**claims_with({}), "roles": ["editor"]}


def test_a_hook_that_sets_what_is_ours_is_told_which_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"^The claims hook may not set exp, sub\.$"):
        claims_with({"sub": "x", "roles": [], "exp": 1})


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_hook_sets_a_reserved_claim(name: str) -> None:
    with pytest.raises(ConfigurationError):
        claims_with({name: "x"})
