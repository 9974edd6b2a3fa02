"""Which refresh token a request presents, and under which key: PROTOCOL §4's checks before the table.

    cross-site → cookie present → parse, key id, MAC → generation of the header → Gatepass-Session

All of it costs one HMAC per cookie and no I/O, so garbage is refused before anything is asked (P5).
"""

import re
from dataclasses import dataclass

from gatepass.core import refresh_token as cards
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import Malformed, RefreshToken, UnknownKey
from gatepass.errors import BadRequest, Conflict, NoSession, SessionEnded, Unavailable
from gatepass.wire.headers import Headers

_KEY = re.compile(r"(0|[1-9][0-9]{0,9})\.[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """The Idempotency-Key of a request: the generation it speaks of, and the hash that is remembered."""

    generation: int
    digest: bytes


def read_key(headers: Headers) -> Key | None:
    """The request's key, or None for a keyless client. Raises BadRequest for any other form, or for two."""
    text = headers.one(b"idempotency-key")
    if text is None:
        return None
    match = _KEY.fullmatch(text)
    if match is None:
        raise BadRequest(
            "invalid-idempotency-key",
            "Idempotency-Key must stand once, as <generation>.<22 characters of base64url>.",
        )
    return Key(generation=int(match.group(1)), digest=cards.hash_key(text))


def choose(texts: list[str], keys: KeyRing, *, believed_sid: str | None) -> RefreshToken:
    """The refresh token among the cookies of a request.

    Several can come: names change, and paths overlap. Those of `believed_sid` are preferred, then the highest
    generation counts; two sessions and no belief are a Conflict, and nobody is revoked by it.
    """
    if not texts:
        raise NoSession
    parsed = [cards.parse(text, keys) for text in texts]
    tokens = [token for token in parsed if isinstance(token, RefreshToken)]
    if not tokens:
        refuse_unknown_keys(texts, keys)
        raise SessionEnded
    candidates = [token for token in tokens if token.sid.hex() == believed_sid] or tokens
    if len({token.sid for token in candidates}) > 1:
        raise mismatch()
    return max(candidates, key=lambda token: token.generation)


def authentic(texts: list[str], keys: KeyRing) -> list[RefreshToken]:
    """Every validly MACed refresh token of a request, expired ones and ancestors included: for logout."""
    parsed = (cards.parse(text, keys) for text in texts)
    return [token for token in parsed if not isinstance(token, Malformed | UnknownKey)]


def refuse_unknown_keys(texts: list[str], keys: KeyRing) -> None:
    """Raise Unavailable if a token is under a key that a roll-out has not brought to this server yet."""
    if any(isinstance(cards.parse(text, keys), UnknownKey) for text in texts):
        raise Unavailable("unknown-key", "This server does not have the key of this token yet; try again.")


def mismatch() -> Conflict:
    """The cookie belongs to another sign-in than the caller believes."""
    return Conflict("session-mismatch", "The cookie belongs to another sign-in; reload the session state.")
