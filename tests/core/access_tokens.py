"""An issuer of access tokens and the verifier of what it issues."""

import hashlib

from gatepass.core.access_token import Verifier
from gatepass.core.keyring import Algorithm, SigningKey
from tests.core.token_forge import Issuer

SECRETS = [hashlib.sha256(name).digest() for name in (b"one", b"two")]
NOW = 1_800_000_000
SKEW = 5
ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"


def issuer_of(algorithm: Algorithm, secret: bytes = SECRETS[0]) -> Issuer:
    return Issuer(SigningKey.from_secret(secret, algorithm), ISSUER, AUDIENCE, NOW, SKEW)


def verifier_of(*keys: SigningKey) -> Verifier:
    return Verifier(keys, issuer=ISSUER, audience=AUDIENCE, skew=SKEW)
