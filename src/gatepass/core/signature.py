"""Making and checking the signatures of tokens: one function for each key (RFC 7518 §3, RFC 8037 §3.1).

Ed25519 is computed by libsodium where PyNaCl is installed (the extra `fast`), else by `cryptography`. A key and a
message have one signature (RFC 8032 §5.1.6), so both make the same bytes, and servers with and without it can stand
beside each other. libsodium signs in two thirds of the time, and checks in half of it.

They differ for public keys of small order alone, of which libsodium takes no signature: `core.public_key` refuses such
a key, and a private key makes none.
"""

import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

try:
    from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
    from nacl.exceptions import BadSignatureError

    has_libsodium = True
except ModuleNotFoundError as missing:
    if missing.name != "nacl":  # one that is installed and broken is a defect, which is told
        raise
    has_libsodium = False

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | bytes
Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | bytes
Signer = Callable[[bytes], bytes]
"""The signature of a message."""
Check = Callable[[bytes, bytes], bool]
"""Whether a message has this signature."""
ES256 = ec.ECDSA(hashes.SHA256())
_SIGNATURE_BYTES = 64


def signer_of(key: Private) -> Signer:
    """What signs with a key, by its one algorithm."""
    match key:
        case ed25519.Ed25519PrivateKey() as edwards:
            return _sodium_signer(edwards) if has_libsodium else edwards.sign
        case ec.EllipticCurvePrivateKey() as curve:
            return lambda message: _joined(curve.sign(message, ES256))
        case bytes() as shared:
            return lambda message: hmac.digest(shared, message, "sha256")


def check_of(key: Public) -> Check:
    """What checks signatures of a key, by its one algorithm."""
    match key:
        case ed25519.Ed25519PublicKey() as edwards:
            return _sodium_check(edwards) if has_libsodium else _edwards_check(edwards)
        case ec.EllipticCurvePublicKey() as curve:
            return _curve_check(curve)
        case bytes() as shared:
            return lambda message, signature: hmac.compare_digest(hmac.digest(shared, message, "sha256"), signature)


def der_of(signature: bytes) -> bytes:
    """An ES256 signature as `cryptography` takes it (RFC 7518 §3.4). Raises ValueError for another length."""
    if len(signature) != _SIGNATURE_BYTES:
        raise ValueError("not 64 bytes")
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def _joined(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class _Opaque(bytes):
    """A private key for libsodium. Crash reports show local variables, also those of PyNaCl's functions."""

    def __repr__(self) -> str:
        return "<private key>"

    __str__ = __repr__


def _sodium_signer(key: ed25519.Ed25519PrivateKey) -> Signer:
    private = _Opaque(crypto_sign_seed_keypair(key.private_bytes_raw())[1])
    return lambda message: crypto_sign(message, private)[:_SIGNATURE_BYTES]


def _sodium_check(key: ed25519.Ed25519PublicKey) -> Check:
    public = key.public_bytes_raw()

    def check(message: bytes, signature: bytes) -> bool:
        if len(signature) != _SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, public)
        except BadSignatureError:
            return False
        return True

    return check


def _edwards_check(key: ed25519.Ed25519PublicKey) -> Check:
    def check(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


def _curve_check(key: ec.EllipticCurvePublicKey) -> Check:
    def check(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(der_of(signature), message, ES256)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check
