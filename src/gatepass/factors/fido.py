"""CBOR, COSE and signatures by fido2, the library of Yubico: the one file that imports it (the extra `passkeys`).

Why this one and not `webauthn` (py_webauthn): both are kept up, have types and read what all authenticators write. It
needs cryptography alone, which a gate has; the other brings four packages more, 5 MB, and takes twice as long to
import. And it reads an attestation without judging it, where the other refuses what it does not know, so that a person
with a new device cannot register (`core.webauthn`).

It is written for answers of a device at hand. Here they come from callers, so whatever it raises is a refusal, and a
key must be one that signatures are verified with in bounded time.
"""

import struct

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gatepass._extras import missing_extra
from gatepass.core.webauthn import InvalidPasskey
from gatepass.errors import ConfigurationError
from gatepass.ports.passkeys import NewCredential

try:
    from fido2 import cbor
    from fido2.cose import CoseKey
    from fido2.rpid import verify_rp_id
    from fido2.webauthn import AttestationObject
except ImportError as missing:
    sentence = "Passkeys need a library of WebAuthn: pip install 'gatepass[passkeys]'"
    raise missing_extra(missing, "fido2", sentence=sentence, kind=ConfigurationError) from None

MAX_KEY = 600
"""Bytes of a COSE key. Against what: RSA of 4,096 bits has 526."""
RSA_BITS = range(2048, 4097)
RSA_EXPONENT = 65537
_FAULTS = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    struct.error,
)
"""What the reader of CBOR raises for bytes that are none, or of another shape."""
_KTY, _ALG, _N, _E = 1, 3, -1, -2
_RSA = 3
_KINDS = {-7: 2, -8: 1, -257: _RSA}
"""Algorithm → type of its keys (RFC 9053 §7)."""


class Fido2:
    """The port `WebAuthn`, by the package fido2."""

    def read_attestation(self, attestation_object: bytes) -> NewCredential:
        """As the port says; a key that could not verify anything is refused too."""
        try:
            found = AttestationObject(attestation_object)
            attested = found.auth_data.credential_data
            if attested is None:
                raise InvalidPasskey("malformed")
            key = attested.public_key
            credential = NewCredential(
                authenticator_data=bytes(found.auth_data),
                aaguid=bytes(attested.aaguid),
                credential_id=bytes(attested.credential_id),
                public_key=cbor.encode(key),
                algorithm=key[_ALG],
            )
            _check_key(key, length=len(credential.public_key))
            return credential
        except InvalidPasskey:
            raise
        except _FAULTS:
            raise InvalidPasskey("malformed") from None

    def verifies(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """As the port says."""
        try:
            _key_of(public_key).verify(message, signature)
        except (InvalidSignature, NotImplementedError, *_FAULTS):
            return False
        return True

    def is_public_suffix(self, domain: str) -> bool:
        """By the list that comes with the library."""
        return not verify_rp_id(domain, f"https://any.{domain}")


def _key_of(public_key: bytes) -> CoseKey:
    members = cbor.decode(public_key)
    if not isinstance(members, dict):
        raise TypeError("no COSE key")
    return CoseKey.parse(members)


def _check_key(key: CoseKey, *, length: int) -> None:
    """Raise InvalidPasskey for a key of a known algorithm that is none, or takes long to verify with."""
    kind = _KINDS.get(key[_ALG])
    if kind is None:  # the caller refuses what it has not offered
        return
    if key.get(_KTY) != kind or length > MAX_KEY:
        raise InvalidPasskey("malformed")
    if kind == _RSA:
        bits, exponent = (int.from_bytes(key[name], "big") for name in (_N, _E))
        if bits.bit_length() not in RSA_BITS or exponent != RSA_EXPONENT:
            raise InvalidPasskey("malformed")
    try:
        key.verify(b"", b"")
    except InvalidSignature:  # of a point on its curve, a number that is a modulus
        return
    raise InvalidPasskey("malformed")
