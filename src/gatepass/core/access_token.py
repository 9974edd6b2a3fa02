"""Access tokens: signed JWTs in the RFC 9068 profile, made and verified here (PROTOCOL §7).

We are the only issuer, so the encoded header of every valid token is one of a few known strings. The verifier
looks the whole first segment up, byte for byte, and takes key and algorithm from what it finds: nothing of a
foreign token is parsed, and `alg` confusion, `kid` injection, `jku`, `crit` and `typ` mix-ups cannot even be
expressed (RFC 8725 §3). The signature is checked next, and only then is the payload read.
"""

from collections.abc import Iterable, Mapping

from gatepass.core import base64url, claims_mark, strict_json
from gatepass.core.keyring import ACCESS, PAGE, SigningKey, TokenKind, header_of
from gatepass.core.principal import Principal, principal_of, text_claim, time_claim
from gatepass.core.public_key import PublicKey
from gatepass.core.signature import Public, check_of
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken

MAX_LENGTH = 8192
"""Characters. Gatepass's own tokens have about 500; common proxies accept header lines of 8 kB."""
MAX_AHEAD = 300
"""Seconds by which `iat` may lie in the future. It protects nothing, as `exp` bounds the life of a token: so a verifier
whose clock is some seconds behind need not refuse every fresh token. More is an issuer whose clock is wrong."""
RESERVED = frozenset(
    (
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "sid",
        "auth_time",
        "amr",
        "acr",
        "begun_at",
        "cnf",
        "act",
    )
) | {claims_mark.CLAIM}
"""Claims that an application's hook may not set."""
_PAGE_TYPE = f'"typ":"{PAGE}"}}'.encode()


class UnknownHeader(InvalidToken):
    """The header is that of no known key: a foreign token, or one under a key that is not known yet."""


def sign(claims: Mapping[str, Json], key: SigningKey, *, kind: TokenKind = ACCESS) -> str:
    """The compact serialisation of `claims` under `key` (RFC 7515 §7.1)."""
    message = _header(key, kind) + b"." + base64url.encode(strict_json.dump(claims)).encode()
    return f"{message.decode()}.{base64url.encode(key.sign(message))}"


class Verifier:
    """The whole strict check of one issuer's tokens of one kind for one audience.

    `keys` are all keys that may have signed; `skew` is the tolerated difference of clocks for `exp` and `nbf`, in
    seconds.
    """

    def __init__(
        self,
        keys: Iterable[SigningKey | PublicKey],
        *,
        issuer: str,
        audience: str,
        skew: int,
        kind: TokenKind = ACCESS,
    ) -> None:
        self._checks = {_header(key, kind): check_of(_verifying_half(key)) for key in keys}
        self.issuer = issuer
        self._audience = audience
        self._skew = skew

    def verify(self, token: str, now: int) -> Principal:
        """The principal of a token that holds at `now` (Unix seconds). Raises InvalidToken for any other."""
        return self._judge(_parse(self.authenticate(token)), now)

    def session_of(self, token: str) -> str:
        """The session of a token by this issuer for this audience, whatever its times. Raises InvalidToken."""
        claims = _parse(self.authenticate(token))
        self._check_parties(claims)
        return text_claim(claims, "sid")

    def authenticate(self, token: str) -> bytes:
        """The payload of a token of this issuer whose signature holds. Raises InvalidToken."""
        if len(token) > MAX_LENGTH or not token.isascii():
            raise InvalidToken("too long or not ASCII")
        message, dot, signature = token.encode().rpartition(b".")
        header, _, payload = message.partition(b".")
        check = self._checks.get(header)
        if check is None or not dot:
            raise UnknownHeader("not a header of this issuer")
        if not check(message, _decode(signature)):
            raise InvalidToken("signature")
        return _decode(payload)

    def still_holds(self, principal: Principal, now: int) -> bool:
        """Whether a principal verified earlier has not expired since: what a cache must check each time."""
        return now < principal.expires_at + self._skew

    def _check_parties(self, claims: Mapping[str, Json]) -> None:
        if claims.get("iss") != self.issuer:
            raise InvalidToken("iss")
        audience = claims.get("aud")
        if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
            raise InvalidToken("aud")

    def _judge(self, claims: Mapping[str, Json], now: int) -> Principal:
        self._check_parties(claims)
        expires_at, issued_at = time_claim(claims, "exp"), time_claim(claims, "iat")
        if now >= expires_at + self._skew:
            raise InvalidToken("expired")
        if issued_at > now + MAX_AHEAD:
            raise InvalidToken("issued in the future")
        if "nbf" in claims and time_claim(claims, "nbf") > now + self._skew:
            raise InvalidToken("not valid yet")
        text_claim(claims, "client_id")
        return principal_of(claims)


def is_page_token(token: str) -> bool:
    """Whether an unverified token says that it is a page token: which of two verifiers to ask. Proves nothing."""
    try:
        return _decode(token[:MAX_LENGTH].split(".", 1)[0].encode()).endswith(_PAGE_TYPE)
    except (InvalidToken, UnicodeError):
        return False


def issuer_of(token: str) -> str | None:
    """What an unverified token says of its issuer; None for what is no JWT. Proves nothing."""
    try:
        claims = _parse(_decode(token.split(".", 2)[1].encode())) if len(token) <= MAX_LENGTH else {}
    except (InvalidToken, IndexError, UnicodeError):
        return None
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else None


def _header(key: SigningKey | PublicKey, kind: TokenKind) -> bytes:
    return key.header if kind == ACCESS else header_of(key.algorithm, key.kid, kind)


def _verifying_half(key: SigningKey | PublicKey) -> Public:
    if isinstance(key, PublicKey):
        return key.public
    return key.private if isinstance(key.private, bytes) else key.private.public_key()


def _decode(segment: bytes) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise InvalidToken("not canonical base64url") from None


def _parse(payload: bytes) -> dict[str, Json]:
    try:
        claims = strict_json.load(payload)
    except ValueError as fault:
        raise InvalidToken(f"payload: {fault}") from None
    if not isinstance(claims, dict):
        raise InvalidToken("payload is not an object")
    return claims
