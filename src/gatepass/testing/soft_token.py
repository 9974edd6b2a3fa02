"""An authenticator of WebAuthn in memory, with its browser: what `navigator.credentials` would answer.

    token = SoftToken()
    body = {"response": token.create(options, origin="https://testserver")}      # POST /passkeys
    body = {"response": token.get(options, origin="https://testserver")}         # POST /login/passkey

`options` are the JSON of the two options endpoints. The test sends the requests, by any HTTP client. What a browser or
a device would refuse raises LookupError; what only a broken or hostile one does is asked for by `lie`.
"""

import copy
import hashlib
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from gatepass.core import base64url

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Options = Mapping[str, Any]
ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass(slots=True)
class Credential:
    """One passkey in the token."""

    rp_id: str
    credential_id: bytes
    user_handle: bytes
    key: Key = field(repr=False)
    algorithm: int
    sign_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """What a broken or hostile browser or device says in place of the truth. None: the truth."""

    type: str | None = None
    challenge: str | None = None
    cross_origin: bool | None = None
    top_origin: str | None = None
    rp_id: str | None = None
    flags: int | None = None
    sign_count: int | None = None
    user_handle: bytes | None = None
    format: str | None = None


class SoftToken:
    """One device, or with `is_synced` a password manager on several.

    `verifies_user`: it has a PIN or reads fingers. `counts`: it has a signature counter, as security keys have.
    """

    def __init__(
        self,
        *,
        is_synced: bool = False,
        verifies_user: bool = True,
        counts: bool = True,
        algorithm: int = ES256,
        aaguid: bytes = bytes(16),
    ) -> None:
        self.is_synced = is_synced
        self.verifies_user = verifies_user
        self.counts = counts and not is_synced
        self.algorithm = algorithm
        self.aaguid = aaguid
        self.credentials: list[Credential] = []

    def copied(self) -> "SoftToken":
        """A copy of the device, with its keys and its counters: a clone."""
        other = copy.copy(self)
        other.credentials = [copy.copy(each) for each in self.credentials]
        return other

    def create(self, options: Options, *, origin: str, lie: Lie | None = None) -> dict[str, Any]:
        """The RegistrationResponseJSON for the options. Raises LookupError if the token has one of this account."""
        lie, rp_id = lie or Lie(), options["rp"]["id"]
        self._check_page(rp_id, origin, options["authenticatorSelection"]["userVerification"])
        excluded = {each["id"] for each in options["excludeCredentials"]}
        if any(base64url.encode(each.credential_id) in excluded for each in self.credentials):
            raise LookupError("InvalidStateError: the device has a passkey of this account")
        if self.algorithm not in [each["alg"] for each in options["pubKeyCredParams"]]:
            raise LookupError("NotSupportedError: the device has none of the algorithms")
        handle = base64url.decode(options["user"]["id"].encode())
        same = [each for each in self.credentials if (each.rp_id, each.user_handle) == (rp_id, handle)]
        made = Credential(rp_id, secrets.token_bytes(16), handle, _new_key(self.algorithm), self.algorithm)
        self.credentials = [each for each in self.credentials if each not in same] + [made]
        attested = self.aaguid + struct.pack(">H", len(made.credential_id)) + made.credential_id + cose_key(made.key)
        data = self._authenticator_data(made, lie, flags=ATTESTED) + attested
        client = _client_data("webauthn.create", options["challenge"], origin, lie)
        statement = cbor({"fmt": lie.format or "none", "attStmt": {}, "authData": data})
        response = {"attestationObject": base64url.encode(statement), "transports": ["internal"]}
        return self._response(made, {**response, "clientDataJSON": base64url.encode(client)})

    def get(
        self, options: Options, *, origin: str, lie: Lie | None = None, chosen: Credential | None = None
    ) -> dict[str, Any]:
        """The AuthenticationResponseJSON for the options, by the newest passkey that fits, or the `chosen` one.

        Raises LookupError without one.
        """
        lie = lie or Lie()
        self._check_page(options["rpId"], origin, options["userVerification"])
        allowed = {each["id"] for each in options.get("allowCredentials", ())}
        fitting = [
            each
            for each in self.credentials
            if each.rp_id == options["rpId"] and (not allowed or base64url.encode(each.credential_id) in allowed)
        ]
        if not fitting and chosen is None:
            raise LookupError("NotAllowedError: the device has no passkey for this")
        used = chosen or fitting[-1]
        data = self._authenticator_data(used, lie)
        client = _client_data("webauthn.get", options["challenge"], origin, lie)
        handle = used.user_handle if lie.user_handle is None else lie.user_handle
        signature = _sign(used.key, data + hashlib.sha256(client).digest())
        response = {
            "clientDataJSON": base64url.encode(client),
            "authenticatorData": base64url.encode(data),
            "signature": base64url.encode(signature),
            "userHandle": base64url.encode(handle),
        }
        return self._response(used, response)

    def _response(self, credential: Credential, response: dict[str, Any]) -> dict[str, Any]:
        credential_id = base64url.encode(credential.credential_id)
        return {
            "id": credential_id,
            "rawId": credential_id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _check_page(self, rp_id: str, origin: str, user_verification: str) -> None:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        is_secure = parts.scheme == "https" or host == "localhost"
        if not is_secure or not (host == rp_id or host.endswith(f".{rp_id}")):
            raise LookupError("SecurityError: the RP id is not one of this page")
        if user_verification == "required" and not self.verifies_user:
            raise LookupError("NotAllowedError: the device cannot verify its user")

    def _authenticator_data(self, credential: Credential, lie: Lie, *, flags: int = 0) -> bytes:
        credential.sign_count += self.counts
        flags |= PRESENT | (VERIFIED if self.verifies_user else 0)
        flags |= BACKUP_ELIGIBLE | BACKED_UP if self.is_synced else 0
        count = credential.sign_count if lie.sign_count is None else lie.sign_count
        rp_id_hash = hashlib.sha256((lie.rp_id or credential.rp_id).encode()).digest()
        return rp_id_hash + struct.pack(">BI", flags if lie.flags is None else lie.flags, count)


def cose_key(key: Key) -> bytes:
    """The public half as a COSE key (RFC 9053)."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return cbor({1: 3, 3: RS256, -1: n, -2: numbers.e.to_bytes(3, "big")})
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return cbor({1: 1, 3: EDDSA, -1: 6, -2: key.public_key().public_bytes_raw()})
    point = key.public_key().public_numbers()
    return cbor({1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})


def cbor(value: int | str | bytes | Mapping[Any, Any]) -> bytes:
    """The encoding of what an authenticator writes (RFC 8949 §3)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(5, len(value)) + b"".join(cbor(name) + cbor(member) for name, member in value.items())


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    width = next(each for each in (1, 2, 4, 8) if number < 1 << 8 * each)
    return bytes([kind << 5 | 23 + width.bit_length()]) + number.to_bytes(width, "big")


def _client_data(kind: str, challenge: str, origin: str, lie: Lie) -> bytes:
    members: dict[str, Any] = {"type": lie.type or kind, "challenge": lie.challenge or challenge, "origin": origin}
    members["crossOrigin"] = bool(lie.cross_origin)
    if lie.top_origin is not None:
        members["topOrigin"] = lie.top_origin
    return json.dumps(members, separators=(",", ":")).encode()


def _new_key(algorithm: int) -> Key:
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate() if algorithm == EDDSA else ec.generate_private_key(ec.SECP256R1())


def _sign(key: Key, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))
