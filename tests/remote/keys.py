"""Keys of a gate and of a stranger, and tokens under them."""

import json
from collections.abc import Callable

from gatepass.core.keyring import SigningKey, jwks
from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken
from gatepass.remote import RemoteGate
from tests.core.token_forge import Issuer
from tests.support.gates import NOW

ISSUER, AUDIENCE = "https://gate.example", "https://api.example"
KEYS = [SigningKey.from_secret(bytes(range(first, first + 32)), "EdDSA") for first in (0, 32, 64)]
OLD, NEW, STRANGE = KEYS


def document(*keys: SigningKey) -> bytes:
    return json.dumps(jwks(keys)).encode()


def forge(key: SigningKey) -> Issuer:
    return Issuer(key, issuer=ISSUER, audience=AUDIENCE, now=NOW, skew=5)


Make = Callable[..., RemoteGate]


def ask(gate: RemoteGate, token: str) -> Principal:
    return gate.check.principal([f"Bearer {token}"])


def holds(gate: RemoteGate, token: str) -> bool:
    try:
        ask(gate, token)
    except InvalidToken:
        return False
    return True
