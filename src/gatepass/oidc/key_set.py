"""The public keys of a provider (RFC 7517), and the signature of a token under one of them.

Sets of other software hold what we do not use: keys for encryption, curves that are not known here, an RSA key of an
earlier century. Each such key is passed over, and the others count. A token chooses among the keys by its `kid`, and
only among those of its algorithm's family, whose own `alg` and `use` do not say otherwise: so a public key is never
taken for a shared secret (RFC 8725 §3.1, §3.2).

joserfc verifies: it is kept up, has types, needs cryptography alone, and knows every algorithm that providers use, RSA
among them. `core.access_token` knows two, on purpose, and exactly the headers that a gate writes.
"""

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry
from joserfc.registry import Header

from gatepass.core import base64url, strict_json
from gatepass.core.secret import Secret
from gatepass.errors import ProviderFailed
from gatepass.oidc.fetch import Members
from gatepass.oidc.partner import Signed, UnpublishedKey

MAX_TOKEN = 65_536
"""Characters of an ID token. Some have dozens of groups in them."""
MAX_KEYS = 200
MIN_RSA = 342
"""Characters of a modulus of 2,048 bits in base64url."""
_FAMILIES: Mapping[str, type[Key]] = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey, "HS": OctKey}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
_HASHES = {"256": sha256, "384": sha384, "512": sha512}
_PUBLIC_TYPES = ("RSA", "EC", "OKP")


class _Registry(JWSRegistry):
    """joserfc's, without its warning of EdDSA (RFC 9864 has another name for it), and with room for certificates."""

    max_header_length = 16_384

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__(algorithms=list(allowed), strict_check_header=False)

    def get_alg(self, name: str) -> Any:  # its type is not exported
        if name not in (self.allowed or ()):
            raise JoseError("not an accepted algorithm")
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one set, in its order."""

    keys: Sequence[Key]

    def verify(self, token: Secret, *, algorithms: Collection[str]) -> Signed:
        """The token, if its signature holds. Raises ProviderFailed, or UnpublishedKey."""
        header = _header(token)
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in algorithms:
            raise ProviderFailed("the token's alg is not accepted")
        candidates = [key for key in self.keys if _fits(key, algorithm=algorithm, kid=kid)]
        if not candidates:
            raise UnpublishedKey("the token is under no key that the provider publishes")
        for key in candidates:
            payload = _payload(token, key, algorithm)
            if payload is not None:
                return Signed(_claims(payload), algorithm, kind if isinstance(kind, str) else None)
        raise ProviderFailed("the token's signature does not hold")


def read_key_set(members: Members) -> KeySet:
    """The keys of a JWK Set. Raises ProviderFailed for what is none."""
    entries = members.get("keys")
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ProviderFailed("its keys are no JWK Set")
    return KeySet([key for entry in entries if isinstance(entry, dict) and (key := _usable(entry)) is not None])


def shared_secret(secret: Secret) -> KeySet:
    """The set whose one key is a client secret (OpenID Connect Core §10.1)."""
    return KeySet([import_key(secret.reveal(), "oct")])


def left_half_hash(text: Secret, algorithm: str) -> str:
    """What `at_hash` must be for an access token (OpenID Connect Core §3.1.3.6)."""
    digest = _HASHES.get(algorithm[2:], sha512)(text.reveal().encode()).digest()
    return base64url.encode(digest[: len(digest) // 2])


def is_same(text: object, expected: str) -> bool:
    """Whether a claim is this text, in constant time."""
    return isinstance(text, str) and hmac.compare_digest(text.encode("utf-8", "replace"), expected.encode())


def _usable(entry: Members) -> Key | None:
    """The key of an entry, or None for one that signs nothing that we verify."""
    if entry.get("kty") not in _PUBLIC_TYPES or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if entry.get("kty") == "RSA" and len(str(entry.get("n", ""))) < MIN_RSA:
        return None
    public = {name: value for name, value in entry.items() if name in ("kty", "kid", "alg", "crv", "x", "y", "n", "e")}
    try:
        return import_key({name: str(value) for name, value in public.items()})
    except (JoseError, ValueError, TypeError):
        return None


def _fits(key: Key, *, algorithm: str, kid: object) -> bool:
    if not isinstance(key, _FAMILIES.get(algorithm[:2], ())) or key.alg not in (None, algorithm):
        return False
    curve = _CURVES.get(algorithm)
    if curve is not None and key.as_dict(private=False).get("crv") != curve:
        return False
    # A set may name no kids, or a token none: then every key of its family is tried.
    return kid is None or isinstance(key, OctKey) or key.get("kid") in (None, kid)


def _header(token: Secret) -> Header:
    if len(token.reveal()) > MAX_TOKEN:
        raise ProviderFailed(f"the token has more than {MAX_TOKEN} characters")
    try:
        registry = _Registry(())
        return jws.extract_compact(token.reveal().encode("ascii"), registry=registry).headers()
    except (JoseError, ValueError):
        raise ProviderFailed("the token is no signed JWT") from None


def _payload(token: Secret, key: Key, algorithm: str) -> bytes | None:
    try:
        return jws.deserialize_compact(token.reveal(), key, registry=_Registry([algorithm])).payload
    except (JoseError, ValueError):
        return None


def _claims(payload: bytes) -> Members:
    try:
        claims = strict_json.load(payload)
    except ValueError as fault:
        raise ProviderFailed(f"the token's claims cannot be read ({fault})") from None
    if not isinstance(claims, dict):
        raise ProviderFailed("the token's claims are no object")
    return claims
