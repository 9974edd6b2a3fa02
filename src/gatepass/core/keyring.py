"""Server secrets and signing keys, as lists: the first signs, all verify (PROTOCOL §2, §7).

Every key is derived from a secret by HKDF under a label of its own, so one secret serves many purposes and
no key serves two (RFC 8725 §3.12). A secret is changed without a logout by rolling out `old,new`, then
`new,old`, then `new`.
"""

import functools
import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatepass.core import base64url
from gatepass.core.mac import Mac
from gatepass.core.signature import Private, Signer, signer_of
from gatepass.errors import ConfigurationError

Algorithm = Literal["EdDSA", "ES256", "HS256"]
TokenKind = Literal["at+jwt", "page+jwt"]
"""The `typ` of a token: an access token (RFC 9068 §2.1), or one that reads rendered pages (PROTOCOL §10)."""
ACCESS: TokenKind = "at+jwt"
PAGE: TokenKind = "page+jwt"
ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "HS256")
SECRET_BYTES = 32
SECRET_PREFIX = "gp_sk_"
CHECKSUM_BYTES = 4
_NO_PREFIX = (
    f"a secret begins with {SECRET_PREFIX}; make one with: gatepass init, or gatepass secret. "
    "To keep one from before there was a prefix: gatepass secret --convert"
)
_BARE = re.compile(r"(?:[A-Za-z0-9_+/-]{4})*(?:[A-Za-z0-9_+/-]{2}(?:==)?|[A-Za-z0-9_+/-]{3}=?)?", re.ASCII)
"""base64 of whole bytes, in either alphabet: no character is left over."""
_WORDS = re.compile("secret|production|password|gatepass|example|development|changeme|insecure|default", re.IGNORECASE)
"""What people write into a secret that they make up."""
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def derive(secret: bytes, label: str, *, length: int = 32) -> bytes:
    """HKDF-SHA256 of `secret` for one purpose (RFC 5869)."""
    info = b"gatepass " + label.encode("ascii")
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


def compose_secret(raw: bytes) -> str:
    """The text of a secret: `gp_sk_`, then base64url of the random bytes and a checksum.

    The prefix lets secret scanners find leaks. Prefix and checksum show that a program made the text: a phrase that a
    person made up has neither, and a copy with a mistake has another checksum.
    """
    return SECRET_PREFIX + base64url.encode(raw + _checksum(raw))


def parse_secret(text: str) -> bytes:
    """The random bytes of a secret. Raises ConfigurationError for a text that is none.

    One without prefix and checksum is taken here, if it looks random; `Secrets.require_prefixes` refuses it.
    """
    if not text.startswith(SECRET_PREFIX):
        raw = _parse_bare(text)
        if len(raw) != SECRET_BYTES:  # longer ones may have a mistyped prefix
            raise ConfigurationError(_NO_PREFIX)
        return raw
    try:
        whole = base64url.decode(text.removeprefix(SECRET_PREFIX).encode("ascii"))
    except ValueError:
        whole = b""
    raw, checksum = whole[:-CHECKSUM_BYTES], whole[-CHECKSUM_BYTES:]
    if len(raw) < SECRET_BYTES or checksum != _checksum(raw):
        raise ConfigurationError(
            "a secret is incomplete or mistyped: copy it again, or make another one with: gatepass init"
        )
    return raw


def convert_secret(text: str) -> str:
    """A secret from before there were prefixes, in today's form: the same key. Raises ConfigurationError."""
    try:
        return compose_secret(_parse_bare(text))
    except ConfigurationError:
        what = "This is no secret of an earlier version: base64url of at least 32 random bytes."
        raise ConfigurationError(what) from None


def _parse_bare(text: str) -> bytes:
    """The bytes of a base64url text without prefix. Raises ConfigurationError if it is short, or looks made up."""
    try:
        raw = base64url.decode_typed(text) if _BARE.fullmatch(text) else b""
    except ValueError:
        raw = b""
    # 32 random bytes have about 30 distinct values, and no words: of ten million, one has one of these by chance.
    is_random = len(raw) >= SECRET_BYTES and len(set(raw)) >= SECRET_BYTES // 2
    if not is_random or _WORDS.search(text) or text.startswith(SECRET_PREFIX):
        raise ConfigurationError(_NO_PREFIX)
    return raw


def _checksum(raw: bytes) -> bytes:
    return hashlib.sha256(b"gatepass secret" + raw).digest()[:CHECKSUM_BYTES]


def key_id_of_secret(secret: bytes) -> int:
    """The byte by which tokens name the secret that they were made under: no secret."""
    return derive(secret, "key id")[0]


@dataclass(frozen=True, slots=True, repr=False)
class SecretKeys:
    """The keys of one secret.

    `mac` and `pad` are for refresh tokens (the pad seals the binding key in them), `link` for mailed links,
    `signed_link` for those that open one path, `seal` for stored signing keys, `device` for the challenges and cookies
    of device-bound sessions, `errand` for what a browser carries to a provider of identities and back, `passkey` for
    the challenges that authenticators sign, `ticket` for sign-ins between two steps and for who asked for a code by
    mail, `totp` for the secrets of authenticator apps.
    """

    key_id: int
    mac: Mac
    pad: Mac
    seal: bytes
    link: bytes
    signed_link: Mac
    device: bytes
    errand: bytes
    passkey: bytes
    ticket: bytes
    totp: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The three rings of secrets of a gate, newest first: texts that `gatepass secret` made."""

    tokens: Sequence[str]
    """The first signs, all verify: a change is rolled out as `old,new`, `new,old` and, after `refresh_ttl`, `new`."""
    feed: Sequence[str] = ()
    """Each opens `GET /revocations` to services without access to the store. Empty: there is no such endpoint."""
    peppers: Sequence[str] = ()
    """Mixed into password hashes; the first one hashes, all verify. Empty: no pepper."""
    retired_key_ids: Sequence[int] = ()
    """Key ids of secrets that leaked and were dropped at once (`gatepass secret --id`): what they signed is over."""

    def __post_init__(self) -> None:
        if not all(0 <= key_id <= 255 for key_id in self.retired_key_ids):
            raise ConfigurationError("`retired_key_ids` are numbers from 0 to 255: gatepass secret --id")
        for name, ring in (("secrets", self.tokens), ("feed", self.feed), ("peppers", self.peppers)):
            if isinstance(ring, str):
                raise ConfigurationError(f"`{name}` must be a list of secrets, not one text: [secret].")
            try:
                parsed = [parse_secret(text) for text in ring]
                if name == "secrets":
                    KeyRing(parsed, retired=self.retired_key_ids)
            except ConfigurationError as fault:
                raise ConfigurationError(f"`{name}`: {fault}") from None

    def require_prefixes(self) -> None:
        """Raise ConfigurationError if a secret has no prefix: it may be a phrase that a person made up."""
        for name, ring in (("secrets", self.tokens), ("feed", self.feed), ("peppers", self.peppers)):
            if not all(text.startswith(SECRET_PREFIX) for text in ring):
                raise ConfigurationError(f"`{name}`: {_NO_PREFIX}")


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """An access-token key, bound to one algorithm (RFC 8725 §3.1). `header` is the encoded JOSE header."""

    kid: str
    algorithm: Algorithm
    header: bytes
    private: Private
    jwk: dict[str, str] | None
    sign: Signer = field(init=False, compare=False)
    """The signature of a message."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sign", signer_of(self.private))

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


@functools.lru_cache
def header_of(algorithm: str, kid: str, kind: TokenKind = ACCESS) -> bytes:
    """The one header that tokens of this key and kind have, byte for byte (PROTOCOL §7)."""
    members = {"alg": algorithm, "kid": kid, "typ": kind}
    return base64url.encode(json.dumps(members, separators=(",", ":")).encode()).encode()


class KeyRing:
    """All keys of a gate. Refuses an empty list and two secrets that share a key id.

    `retired` are the key ids of secrets that leaked and were dropped at once: what was signed under them is over.
    """

    def __init__(
        self, secrets: Sequence[bytes], *, algorithm: Algorithm = "EdDSA", retired: Collection[int] = ()
    ) -> None:
        if not secrets:
            raise ConfigurationError("there is no secret; make one with: gatepass init")
        secret_keys = [
            SecretKeys(
                key_id=key_id_of_secret(secret),
                mac=Mac(derive(secret, "refresh token mac")),
                pad=Mac(derive(secret, "binding key seal")),
                seal=derive(secret, "signing key seal"),
                link=derive(secret, "mailed link"),
                signed_link=Mac(derive(secret, "signed link")),
                device=derive(secret, "device-bound session"),
                errand=derive(secret, "sign-in errand"),
                passkey=derive(secret, "passkey challenge"),
                ticket=derive(secret, "sign-in ticket"),
                totp=derive(secret, "totp seal"),
            )
            for secret in secrets
        ]
        self._secret_keys = {one.key_id: one for one in secret_keys}
        if len(self._secret_keys) != len(secret_keys):
            raise ConfigurationError("two secrets share a key id; replace the newer one: gatepass init")
        self.retired = frozenset(retired)
        if both := self.retired & self._secret_keys.keys():
            raise ConfigurationError(
                f"`retired_key_ids` has {min(both)}, the key id of a secret that is in use; make another secret: "
                "gatepass secret"
            )
        self.current = secret_keys[0]
        self.signing_keys = tuple(SigningKey.from_secret(secret, algorithm) for secret in secrets)

    def __repr__(self) -> str:
        return f"KeyRing({len(self._secret_keys)} secrets)"

    @property
    def former(self) -> Sequence[SecretKeys]:
        """The keys of the secrets that only verify and open: all but the first."""
        return tuple(self._secret_keys.values())[1:]

    def find(self, key_id: int) -> SecretKeys | None:
        """The keys of the secret that has this key id, or None."""
        return self._secret_keys.get(key_id)


def jwks(keys: Sequence[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """The public keys (RFC 7517); shared secrets (HS256) are never published."""
    return {"keys": [key.jwk for key in keys if key.jwk is not None]}
