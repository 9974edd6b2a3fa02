"""The key of a device, and the proofs that it signs (W3C Device Bound Session Credentials; PROTOCOL §11).

    to register   {"alg":"ES256","typ":"dbsc+jwt","jwk":{…}} . {"jti":"<challenge>"} . signature
    to refresh    {"alg":"ES256","typ":"dbsc+jwt"}           . {"jti":"<challenge>"} . signature

The browser makes the key in hardware and signs a challenge of ours with it. A registration brings the public key and
is signed by it; a refresh brings none and is checked with the key that was stored. The algorithm is the key's, never
the header's (RFC 8725 §3.1), and `crit` is refused, since nothing critical is understood here (RFC 7515 §4.1.11).

An earlier draft (headers named Sec-Session-…) has the public key in the payload, as `key`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gatepass.core import base64url, strict_json
from gatepass.core.public_key import PRIVATE_MEMBERS
from gatepass.core.signature import ES256, der_of
from gatepass.core.strict_json import Json
from gatepass.errors import GatepassError

DeviceAlgorithm = Literal["ES256", "RS256"]
DEVICE_ALGORITHMS: tuple[DeviceAlgorithm, ...] = ("ES256", "RS256")
"""In the order in which they are offered. Old TPMs have RSA alone."""
PROOF_TYPE = "dbsc+jwt"
MAX_PROOF_LENGTH = 4096
"""Characters. A registration with an RSA key of 4096 bits has some 2,300."""
RSA_BITS = range(2048, 4097)
RSA_EXPONENT = 65537
"""The only one that TPMs make; a large one would cost a verification a thousand times as much."""
_STORED_KINDS: dict[int, DeviceAlgorithm] = {1: "ES256", 2: "RS256"}


class InvalidDeviceProof(GatepassError, ValueError):
    """A proof, or the key in it, cannot be used. The message is for logs and tests, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The public half of a device's key, bound to its one algorithm."""

    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey

    @property
    def algorithm(self) -> DeviceAlgorithm:
        """The one algorithm that this key may have signed with."""
        return "RS256" if isinstance(self.public, rsa.RSAPublicKey) else "ES256"

    @classmethod
    def from_jwk(cls, jwk: Json) -> "DeviceKey":
        """The key of a JWK (RFC 7517). Raises InvalidDeviceProof for all but public P-256 and RSA signing keys."""
        if not isinstance(jwk, dict):
            raise InvalidDeviceProof("there is no jwk")
        if PRIVATE_MEMBERS & jwk.keys():
            raise InvalidDeviceProof("the jwk has a private member")
        match jwk.get("kty"), jwk.get("crv"):
            case "EC", "P-256":
                return cls(_point(_number(jwk, "x", length=32), _number(jwk, "y", length=32)))
            case "RSA", None:
                return cls(_modulus(_number(jwk, "n"), _number(jwk, "e")))
        raise InvalidDeviceProof("the jwk is neither of P-256 nor of RSA")

    def to_bytes(self) -> bytes:
        """The key as a session row holds it: 34 bytes for P-256, 271 for RSA of 2048 bits."""
        if isinstance(self.public, rsa.RSAPublicKey):
            der = self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
            return b"\x02" + der
        point = self.public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        return b"\x01" + point

    @classmethod
    def from_bytes(cls, stored: bytes) -> "DeviceKey":
        """The key of `to_bytes`. Raises ValueError for anything else."""
        match _STORED_KINDS.get(stored[0] if stored else 0):
            case "ES256":
                return cls(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), stored[1:]))
            case "RS256":
                return cls(_loaded(stored[1:]))
        raise ValueError("not a stored device key")

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message` (RFC 7518 §3.3, §3.4)."""
        try:
            if isinstance(self.public, rsa.RSAPublicKey):
                self.public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                self.public.verify(der_of(signature), message, ES256)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """A proof whose signature holds under `key`. `claims` are all of its payload."""

    key: DeviceKey
    challenge: str
    claims: Mapping[str, Json]


def read_registration(text: str) -> DeviceProof:
    """The proof of a registration, signed by the key that it brings. Raises InvalidDeviceProof."""
    jws = _Jws.parse(text)
    embedded = jws.header["jwk"] if "jwk" in jws.header else jws.claims.get("key")
    return jws.verified(DeviceKey.from_jwk(embedded))


def read_refresh(text: str, key: DeviceKey) -> DeviceProof:
    """The proof of a refresh, signed by the stored `key`. Raises InvalidDeviceProof, also for one with a key in it."""
    jws = _Jws.parse(text)
    if "jwk" in jws.header:
        raise InvalidDeviceProof("a proof for a refresh must not bring a key")
    return jws.verified(key)


@dataclass(frozen=True, slots=True)
class _Jws:
    """The parts of a compact JWS (RFC 7515 §7.1), not verified yet."""

    header: dict[str, Json]
    claims: dict[str, Json]
    message: bytes
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> "_Jws":
        if len(text) > MAX_PROOF_LENGTH or not text.isascii() or text.count(".") != 2:
            raise InvalidDeviceProof("not a compact JWS")
        message, _, signature = text.encode().rpartition(b".")
        header, _, payload = message.partition(b".")
        return cls(_object(header), _object(payload), message, _decoded(signature))

    def verified(self, key: DeviceKey) -> DeviceProof:
        """The proof, if this is one and `key` signed it. Raises InvalidDeviceProof."""
        if self.header.get("typ") != PROOF_TYPE or "crit" in self.header:
            raise InvalidDeviceProof("the header is not that of a proof")
        if self.header.get("alg") != key.algorithm:
            raise InvalidDeviceProof("the algorithm is not that of the key")
        if not key.verifies(self.message, self.signature):
            raise InvalidDeviceProof("signature")
        challenge = self.claims.get("jti")
        if not isinstance(challenge, str):
            raise InvalidDeviceProof("there is no jti")
        return DeviceProof(key, challenge, self.claims)


def _object(segment: bytes) -> dict[str, Json]:
    try:
        value = strict_json.load(_decoded(segment))
    except ValueError:
        raise InvalidDeviceProof("not JSON in base64url") from None
    if not isinstance(value, dict):
        raise InvalidDeviceProof("not a JSON object")
    return value


def _decoded(segment: bytes) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise InvalidDeviceProof("not canonical base64url") from None


def _number(jwk: dict[str, Json], name: str, *, length: int | None = None) -> int:
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise InvalidDeviceProof(f"the jwk has no {name}")
    raw = _decoded(text.encode())
    if not raw or (len(raw) != length if length else raw[0] == 0):
        raise InvalidDeviceProof(f"the jwk's {name} has another length")
    return int.from_bytes(raw, "big")


def _point(x: int, y: int) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise InvalidDeviceProof("no point of the curve") from None


def _modulus(n: int, e: int) -> rsa.RSAPublicKey:
    if n.bit_length() not in RSA_BITS or e != RSA_EXPONENT:
        raise InvalidDeviceProof("an RSA key must have 2048 to 4096 bits and the exponent 65537")
    try:
        return rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        raise InvalidDeviceProof("no RSA key") from None


def _loaded(der: bytes) -> rsa.RSAPublicKey:
    key = serialization.load_der_public_key(der)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not a stored device key")
    return key
