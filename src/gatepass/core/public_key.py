"""Public keys as a gate publishes them: a JWK Set (RFC 7517), read strictly by services that know its URL only.

A published key determines the one header that its tokens have, byte for byte, so these services look tokens up exactly
as the issuer's own guards do. A set with anything unexpected in it is refused whole: no gate published it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gatepass.core import base64url, strict_json
from gatepass.core.keyring import Algorithm, header_of
from gatepass.errors import GatepassError

MAX_KEYS = 100
"""Against what: a gate publishes a handful; each costs memory, and comparisons when the set changes."""
MAX_KID_LENGTH = 256
PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"))
"""What must never be published (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2; RFC 9964)."""
_KINDS: Mapping[Algorithm, tuple[str, str]] = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256")}
_P = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = frozenset((0, 1, _ORDER_8, _P - _ORDER_8, _P - 1, _P, _P + 1))
"""The y of points of Ed25519 whose order is 8 or less, in each way to write it, without the bit of x. As a key, one of
them has signatures that hold for every eighth message at least, and that can be written without a private key."""
Jwk = Mapping[str, object]


class MalformedKeySet(GatepassError, ValueError):
    """A JWK Set that cannot be used. The message says what is wrong with it, and contains none of its keys."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies, bound to one algorithm (RFC 8725 §3.1). `header` is its tokens' encoded JOSE header."""

    kid: str
    algorithm: Algorithm
    header: bytes
    public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

    @classmethod
    def from_jwk(cls, jwk: Jwk) -> "PublicKey":
        """The key that `jwk` describes. Raises MalformedKeySet unless it is a public EdDSA or ES256 signing key."""
        kid = jwk.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
            raise MalformedKeySet("a key has no usable kid")
        if PRIVATE_MEMBERS & jwk.keys():
            raise MalformedKeySet(f"key {kid!r} is published with its private or shared part: replace it at once")
        algorithm = next((known for known in _KINDS if known == jwk.get("alg")), None)
        if algorithm is None:
            raise MalformedKeySet(f"key {kid!r} has no alg of {', '.join(_KINDS)}")
        if (jwk.get("kty"), jwk.get("crv")) != _KINDS[algorithm]:
            raise MalformedKeySet(f"key {kid!r}: kty and crv do not fit alg {algorithm}")
        if jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
            raise MalformedKeySet(f"key {kid!r} is not for signatures")
        return cls(kid, algorithm, header_of(algorithm, kid), _MAKERS[algorithm](jwk, kid))


def parse_jwks(document: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWK Set, in its order. Raises MalformedKeySet."""
    try:
        found = strict_json.load(document)
    except ValueError as fault:
        raise MalformedKeySet(f"it cannot be read: {fault}") from None
    entries = found.get("keys") if isinstance(found, dict) else None
    jwks = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not isinstance(entries, list) or len(jwks) != len(entries):
        raise MalformedKeySet("it is not a JWK Set: an object with a list of keys")
    if len(jwks) > MAX_KEYS:
        raise MalformedKeySet(f"it has more than {MAX_KEYS} keys")
    keys = tuple(PublicKey.from_jwk(jwk) for jwk in jwks)
    if len({key.kid for key in keys}) != len(keys):
        raise MalformedKeySet("two keys have one kid")
    return keys


def _edwards(jwk: Jwk, kid: str) -> ed25519.Ed25519PublicKey:
    point = _coordinate(jwk, "x", kid=kid)
    if int.from_bytes(point, "little") % 2**255 in SMALL_ORDER:
        raise MalformedKeySet(f"key {kid!r} is a point of small order: its signatures can be forged")
    return ed25519.Ed25519PublicKey.from_public_bytes(point)


def _curve(jwk: Jwk, kid: str) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(_coordinate(jwk, name, kid=kid), "big") for name in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise MalformedKeySet(f"key {kid!r} is no point of its curve") from None


_MAKERS: Mapping[Algorithm, Callable[[Jwk, str], ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey]] = {
    "EdDSA": _edwards,
    "ES256": _curve,
}


def _coordinate(jwk: Jwk, name: str, *, kid: str) -> bytes:
    """32 bytes in canonical base64url."""
    text = jwk.get(name)
    try:
        raw = base64url.decode(text.encode()) if isinstance(text, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise MalformedKeySet(f"key {kid!r}: {name} is not 32 bytes in base64url")
    return raw
