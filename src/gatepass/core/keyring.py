"""Server secrets and signing keys, as lists: the first signs, all verify (PROTOCOL §2, §7).

Every key is derived from a secret by HKDF under a label of its own, so one secret serves many purposes and
no key serves two (RFC 8725 §3.12). A secret is changed without a logout by rolling out `old,new`, then
`new,old`, then `new`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatepass.core import base64url
from gatepass.errors import ConfigurationError

Algorithm = Literal["EdDSA", "ES256", "HS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "HS256")
SECRET_BYTES = 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def derive(secret: bytes, label: str, *, length: int = 32) -> bytes:
    """HKDF-SHA256 of `secret` for one purpose (RFC 5869)."""
    info = b"gatepass " + label.encode("ascii")
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


def parse_secret(text: str) -> bytes:
    """Decode a base64url secret. Raises ConfigurationError for a text that is short, repetitive or not base64."""
    try:
        raw = base64url.decode_typed(text)
    except ValueError:
        raise ConfigurationError("a secret must be base64url text; make one with: gatepass init") from None
    if len(raw) < SECRET_BYTES:
        raise ConfigurationError("a secret must have at least 256 bits; make one with: gatepass init")
    # 32 random bytes have about 30 distinct values; passphrases and patterns have far fewer.
    if len(set(raw)) < SECRET_BYTES // 2:
        raise ConfigurationError("a secret must be random; make one with: gatepass init")
    return raw


@dataclass(frozen=True, slots=True, repr=False)
class SecretKeys:
    """The keys of one secret.

    `mac` and `pad` are for refresh tokens (the pad seals the binding key in them), `link` for mailed links, `seal` for
    stored signing keys.
    """

    key_id: int
    mac: bytes
    pad: bytes
    seal: bytes
    link: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The three rings of secrets of a gate: base64url texts of 32 random bytes, newest first (`gatepass secret`)."""

    tokens: Sequence[str]
    """The first signs, all verify: a change is rolled out as `old,new`, then `new,old`, then `new`."""
    feed: Sequence[str] = ()
    """Each opens `GET /revocations` to services without access to the store. Empty: there is no such endpoint."""
    peppers: Sequence[str] = ()
    """Mixed into password hashes; the first one hashes, all verify. Empty: no pepper."""

    def __post_init__(self) -> None:
        for name, ring in (("secrets", self.tokens), ("feed", self.feed), ("peppers", self.peppers)):
            if isinstance(ring, str):
                raise ConfigurationError(f"`{name}` must be a list of secrets, not one text: [secret].")
            try:
                parsed = [parse_secret(text) for text in ring]
                if name == "secrets":
                    KeyRing(parsed)
            except ConfigurationError as fault:
                raise ConfigurationError(f"`{name}`: {fault}") from None


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """An access-token key, bound to one algorithm (RFC 8725 §3.1). `header` is the encoded JOSE header."""

    kid: str
    algorithm: Algorithm
    header: bytes
    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | bytes
    jwk: dict[str, str] | None

    @classmethod
    def from_secret(cls, secret: bytes, algorithm: Algorithm) -> "SigningKey":
        """The key that is derived from a secret. It signs until stored keys exist."""
        match algorithm:
            case "EdDSA":
                edwards = ed25519.Ed25519PrivateKey.from_private_bytes(derive(secret, "access token EdDSA"))
                raw = edwards.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
                return cls._with_jwk(algorithm, edwards, {"crv": "Ed25519", "kty": "OKP", "x": base64url.encode(raw)})
            case "ES256":
                # 64 bits more than the order: the bias of the reduction is below 2^-64 (FIPS 186-5 A.2.1).
                seed = int.from_bytes(derive(secret, "access token ES256", length=40), "big")
                curve = ec.derive_private_key(seed % (P256_ORDER - 1) + 1, ec.SECP256R1())
                point = curve.public_key().public_numbers()
                x, y = (base64url.encode(number.to_bytes(32, "big")) for number in (point.x, point.y))
                return cls._with_jwk(algorithm, curve, {"crv": "P-256", "kty": "EC", "x": x, "y": y})
            case "HS256":
                shared = derive(secret, "access token HS256")
                kid = base64url.encode(derive(secret, "access token HS256 kid"))
                return cls(kid, algorithm, header_of(algorithm, kid), shared, None)

    @classmethod
    def _with_jwk(
        cls,
        algorithm: Algorithm,
        private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
        members: dict[str, str],
    ) -> "SigningKey":
        # The kid is the RFC 7638 thumbprint: SHA-256 over the required members in alphabetical order.
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
        kid = base64url.encode(hashlib.sha256(canonical).digest())
        jwk = {**members, "kid": kid, "alg": algorithm, "use": "sig"}
        return cls(kid, algorithm, header_of(algorithm, kid), private, jwk)


def header_of(algorithm: str, kid: str) -> bytes:
    """The one header that tokens of this key have, byte for byte (PROTOCOL §7)."""
    members = {"alg": algorithm, "kid": kid, "typ": "at+jwt"}
    return base64url.encode(json.dumps(members, separators=(",", ":")).encode()).encode()


class KeyRing:
    """All keys of a gate. Refuses an empty list and two secrets that share a key id."""

    def __init__(self, secrets: Sequence[bytes], *, algorithm: Algorithm = "EdDSA") -> None:
        if not secrets:
            raise ConfigurationError("there is no secret; make one with: gatepass init")
        secret_keys = [
            SecretKeys(
                key_id=derive(secret, "key id")[0],
                mac=derive(secret, "refresh token mac"),
                pad=derive(secret, "binding key seal"),
                seal=derive(secret, "signing key seal"),
                link=derive(secret, "mailed link"),
            )
            for secret in secrets
        ]
        self._secret_keys = {one.key_id: one for one in secret_keys}
        if len(self._secret_keys) != len(secret_keys):
            raise ConfigurationError("two secrets share a key id; replace the newer one: gatepass init")
        self.current = secret_keys[0]
        self.signing_keys = tuple(SigningKey.from_secret(secret, algorithm) for secret in secrets)

    def __repr__(self) -> str:
        return f"KeyRing({len(self._secret_keys)} secrets)"

    def find(self, key_id: int) -> SecretKeys | None:
        """The keys of the secret that has this key id, or None."""
        return self._secret_keys.get(key_id)


def jwks(keys: Sequence[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """The public keys (RFC 7517); shared secrets (HS256) are never published."""
    return {"keys": [key.jwk for key in keys if key.jwk is not None]}
