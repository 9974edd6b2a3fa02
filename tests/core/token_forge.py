"""The forge of the tests: tokens with any header, payload and signature, most of them under the real key."""

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gatepass.core.access_token import MAX_AHEAD
from gatepass.core.base64url import encode
from gatepass.core.keyring import SigningKey


@dataclass(frozen=True)
class Issuer:
    """Who signs, for whom, and when: `now` is the time of verification, `skew` the tolerance, in seconds."""

    key: SigningKey
    issuer: str
    audience: str
    now: int
    skew: int

    def claims(self, *without: str, **changes: Any) -> dict[str, Any]:
        """Claims that hold, changed."""
        claims = {
            "iss": self.issuer,
            "sub": "0" * 32,
            "aud": self.audience,
            "exp": self.now + 900,
            "iat": self.now,
            "jti": "jti-1",
            "client_id": "gatepass",
            "sid": "f" * 32,
            "auth_time": self.now,
        } | changes
        return {name: value for name, value in claims.items() if name not in without}

    def token(self, *without: str, **changes: Any) -> str:
        """A token with these claims under the real key."""
        return self.seal(json.dumps(self.claims(*without, **changes)).encode())

    def seal(self, payload: bytes, header: bytes | None = None) -> str:
        """Whatever payload and whatever encoded header, under the real key."""
        return seal(self.key, self.key.header if header is None else header, encode(payload).encode())


def seal(key: SigningKey, header: bytes, payload: bytes) -> str:
    """The compact form of two encoded segments, signed as the key's algorithm does."""
    message = header + b"." + payload
    return f"{message.decode()}.{encode(signature_of(key, message))}"


def signature_of(key: SigningKey, message: bytes) -> bytes:
    """The raw signature."""
    match key.private:
        case ed25519.Ed25519PrivateKey() as edwards:
            return edwards.sign(message)
        case ec.EllipticCurvePrivateKey() as curve:
            r, s = decode_dss_signature(curve.sign(message, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        case bytes() as shared:
            return hmac.digest(shared, message, "sha256")


def header_of(issuer: Issuer, *without: str, **changes: Any) -> bytes:
    """An encoded header like ours, changed."""
    members = {"alg": issuer.key.algorithm, "kid": issuer.key.kid, "typ": "at+jwt"} | changes
    kept = {name: value for name, value in members.items() if name not in without}
    return encode(json.dumps(kept, separators=(",", ":")).encode()).encode()


def with_signature(message: bytes, signature: bytes) -> str:
    """Message and signature joined."""
    return f"{message.decode()}.{encode(signature)}"


def accepted(issuer: Issuer) -> Iterator[tuple[str, str]]:
    """Tokens at the edge of the rules that do hold: (name, token)."""
    edge = issuer.now - issuer.skew
    yield "plain", issuer.token()
    yield "audience in a list", issuer.token(aud=["elsewhere", issuer.audience])
    yield "expired within the tolerance", issuer.token(exp=edge + 1, iat=edge - 900)
    yield "from a clock that is ahead within its bound", issuer.token(iat=issuer.now + MAX_AHEAD)
    yield "valid from a moment within the tolerance", issuer.token(nbf=issuer.now + issuer.skew)
    yield "times with fractions", issuer.token(exp=issuer.now + 900.5, iat=issuer.now - 0.5)
    yield "with claims of the application", issuer.token(tenant="blue", roles=["a", "b"], scope="read write")


def public_forms(key: SigningKey) -> Iterator[tuple[str, bytes]]:
    """What an attacker knows of a key, in the forms that naive verifiers would use as HMAC key."""
    yield "nothing", b""
    yield "the kid", key.kid.encode()
    if isinstance(key.private, bytes):
        return
    public, spki = key.private.public_key(), serialization.PublicFormat.SubjectPublicKeyInfo
    yield "the PEM", public.public_bytes(serialization.Encoding.PEM, spki)
    yield "the stripped PEM", public.public_bytes(serialization.Encoding.PEM, spki).strip()
    yield "the DER", public.public_bytes(serialization.Encoding.DER, spki)
    yield "the JWK", json.dumps(key.jwk).encode()
    assert key.jwk is not None
    yield "the point", base64.urlsafe_b64decode(key.jwk["x"] + "=")


def other_last_letters(start: str, signature: str) -> Iterator[tuple[str, str]]:
    """Spellings that differ in bits which decode to nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    free = {2: 15, 3: 3}.get(len(signature) % 4, 0)
    place = alphabet.index(signature[-1])
    for bits in range(1, free + 1):
        yield str(bits), start + signature[:-1] + alphabet[place ^ bits]
