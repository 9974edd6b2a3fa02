"""The table of forged tokens, sent to each guard: none holds, and none breaks it (standards TK-04 to TK-19)."""

import pytest

from gatepass.core.keyring import SigningKey, parse_secret
from tests.core.attack_tokens import cases
from tests.core.token_forge import Issuer, accepted
from tests.guards.conftest import Guarded
from tests.support.asgi import call
from tests.support.browser import ORIGIN
from tests.support.gates import SECRET


@pytest.fixture
def issuer(guarded: Guarded) -> Issuer:
    """The gate's own key, names and clock in the forger's hands."""
    key = SigningKey.from_secret(parse_secret(SECRET), "EdDSA")
    return Issuer(key, issuer=ORIGIN, audience=ORIGIN, now=guarded.at.clock.now(), skew=5)


@pytest.mark.slow
async def test_no_forged_token_opens_a_guarded_route(guarded: Guarded, issuer: Issuer) -> None:
    # Every bit is flipped in tests/core; here a sample of those stands for the rest.
    sampled = [attack for place, attack in enumerate(cases(issuer)) if attack.rule != "TK-04 bits" or place % 25 == 0]
    # Spaces around a token are the header's (RFC 9110 §5.5, §11.4), not part of it.
    attacks = [attack for attack in sampled if attack.token == attack.token.strip(" ")]
    held = []
    for attack in attacks:
        token = attack.token.encode("utf-8", "surrogatepass")
        answer = await call(guarded.app, "GET", "/me", headers=[("authorization", b"Bearer " + token)])
        if (answer.status, answer.get("www-authenticate")) != (401, 'Bearer error="invalid_token"'):
            held.append((str(attack), answer.status))
    assert held == []
    assert len(attacks) > 300
    assert guarded.at.store.verbs == []


async def test_the_same_forger_makes_tokens_that_hold(guarded: Guarded, issuer: Issuer) -> None:
    """Guards the test above: what is refused there is refused for the rule under test."""
    for name, token in accepted(issuer):
        answer = await call(guarded.app, "GET", "/me", headers=[("authorization", f"Bearer {token}")])
        assert answer.status == 200, name
