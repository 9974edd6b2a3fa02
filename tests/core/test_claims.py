"""What an access token says of a session, and what an application may add to it."""

from collections.abc import Mapping

import pytest

from gatepass.core.access_token import RESERVED
from gatepass.core.claims import Issuer
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError
from gatepass.testing.records import NOW, account_of, session_of

SESSION = session_of(account_of())
PARTIES = ("https://auth.example.com", "https://api.example.com", "gatepass")


def test_the_claims_are_those_of_rfc_9068_and_of_the_session() -> None:
    assert Issuer(*PARTIES).claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900) == {
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


def test_the_hook_is_asked_of_this_session_and_adds_to_them() -> None:
    asked: list[Session] = []

    def hook(session: Session) -> Mapping[str, Json]:
        asked.append(session)
        return {"roles": ["editor"]}

    plain = Issuer(*PARTIES).claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900)
    claims = Issuer(*PARTIES, hook=hook).claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900)
    assert claims == {**plain, "roles": ["editor"]}
    assert asked == [SESSION]


def test_a_hook_that_sets_what_is_ours_is_told_which_ones() -> None:
    issuer = Issuer(*PARTIES, hook=lambda _session: {"sub": "x", "roles": [], "exp": 1})
    with pytest.raises(ConfigurationError, match=r"^The claims hook may not set exp, sub\.$"):
        issuer.claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_hook_sets_a_reserved_claim(name: str) -> None:
    issuer = Issuer(*PARTIES, hook=lambda _session: {name: "x"})
    with pytest.raises(ConfigurationError):
        issuer.claims(SESSION, token_id="t1", now=NOW, expires_at=NOW + 900)
