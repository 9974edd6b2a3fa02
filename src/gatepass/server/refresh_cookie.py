"""Which refresh token a request presents, and under which key: PROTOCOL §4's checks before the table.

    cross-site → cookie present → parse, key id, MAC → generation of the header → Gatepass-Session

The first one is the app's: it applies to every endpoint that is declared `cross_site`, before its function runs. The
others are `RefreshCookies.present`. All of it costs one HMAC per cookie and no I/O, so garbage is refused before
the store is asked (P5).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from gatepass.core import refresh_token
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import RefreshToken, UnknownKey
from gatepass.core.secret import Secret
from gatepass.errors import BadRequest, Conflict, NoSession, SessionEnded, Unavailable
from gatepass.ports import Clock
from gatepass.server.http import Request
from gatepass.sessions.tokens import Grant
from gatepass.wire.asgi import reclaim
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers

_KEY = re.compile(r"(0|[1-9][0-9]{0,9})\.[A-Za-z0-9_-]{22}", re.ASCII)

Received = Sequence[tuple[str, Secret]]
"""The refresh cookies of a request, as (name, text)."""


class IdempotencyKey(NamedTuple):
    """The Idempotency-Key of a request: the generation it names, and the hash that is remembered."""

    generation: int
    hash: bytes


class Presented(NamedTuple):
    """A refresh token that passed the checks. `key_hash` is None for a keyless client."""

    token: RefreshToken
    key_hash: bytes | None
    received: Received


class OutOfStep(NamedTuple):
    """The client read cookie and generation at different moments: tell it the generation of `token`."""

    token: RefreshToken


class RefreshCookies:
    """The refresh cookies of one gate: what a request presents, and what an answer sets."""

    def __init__(self, cookies: Cookies, *, keys: KeyRing, clock: Clock) -> None:
        self._cookies = cookies
        self._keys = keys
        self._clock = clock

    def present(self, request: Request) -> Presented | OutOfStep:
        """The refresh token of a request, after the checks. No I/O.

        Raises BadRequest (`invalid-idempotency-key`), NoSession, SessionEnded (no authentic token), Unavailable
        (`unknown-key`), or Conflict (`session-mismatch`).
        """
        key = read_key(request.headers)
        received = self._cookies.read(reclaim(request.scope, request.headers))
        expected_sid = request.headers.one(b"gatepass-session")
        token = choose([text for _, text in received], self._keys, expected_sid=expected_sid)
        if key is not None and key.generation != token.generation:
            return OutOfStep(token)
        if expected_sid is not None and expected_sid != token.sid.hex():
            raise mismatch()
        return Presented(token, key.hash if key else None, received)

    def received(self, request: Request) -> Received:
        """The refresh cookies that came, also those that a guard outside withheld."""
        return self._cookies.read(reclaim(request.scope, request.headers))

    def sids(self, received: Received) -> set[bytes]:
        """The sessions of all authentic tokens, live or ended."""
        return {token.sid for token in authentic([text for _, text in received], self._keys)}

    def sids_to_end(self, request: Request, received: Received, *, proven: set[bytes]) -> set[bytes]:
        """The sessions that a logout names by cookie. `proven` are those that it names by other means.

        Raises Unavailable (`unknown-key`) if nothing authentic came, or Conflict (`session-mismatch`) if the client
        expects another session.
        """
        sids = self.sids(received)
        if not sids and not proven:
            refuse_unknown_keys([text for _, text in received], self._keys)
        expected_sid = request.headers.one(b"gatepass-session")
        if expected_sid is not None and sids and expected_sid not in {sid.hex() for sid in sids}:
            raise mismatch()
        return sids

    def issue(self, grant: Grant, request: Request, *, received: Received = ()) -> list[str]:
        """The Set-Cookie values that hand out a grant, and expire those among `received` that have another name."""
        return self._cookies.issue(
            grant.token,
            grant.text,
            remember=grant.session.remember,
            now=grant.now,
            stale=self._cookies.expire_other(received, request.scope["path"]),
        )

    def clear(self, request: Request, *, received: Received = ()) -> list[str]:
        """The Set-Cookie values that delete both cookies, and those among `received` that have another name."""
        return [*self._cookies.clear(), *self._cookies.expire_other(received, request.scope["path"])]

    def state(self, token: RefreshToken, *, remember: bool) -> str:
        """The Set-Cookie value of the state that goes with `token`."""
        return self._cookies.state(token, remember=remember, now=self._clock.now())


def read_key(headers: Headers) -> IdempotencyKey | None:
    """The request's key, or None for a keyless client. Raises BadRequest for any other form, or for two."""
    text = headers.one(b"idempotency-key")
    if text is None:
        return None
    match = _KEY.fullmatch(text)
    if match is None:
        raise BadRequest(
            "invalid-idempotency-key",
            "Idempotency-Key must be sent once, as <generation>.<22 characters of base64url>.",
        )
    return IdempotencyKey(int(match.group(1)), refresh_token.hash_key(text))


def choose(texts: list[Secret], keys: KeyRing, *, expected_sid: str | None) -> RefreshToken:
    """The refresh token among the cookies of a request.

    Several can come: names change, and paths overlap. Those of `expected_sid` are preferred, then the highest
    generation counts. Two sessions and no preference are a Conflict, by which no session is revoked.
    """
    if not texts:
        raise NoSession
    tokens = authentic(texts, keys)
    if not tokens:
        refuse_unknown_keys(texts, keys)
        raise SessionEnded
    candidates = [token for token in tokens if token.sid.hex() == expected_sid] or tokens
    if len({token.sid for token in candidates}) > 1:
        raise mismatch()
    return max(candidates, key=lambda token: token.generation)


def authentic(texts: list[Secret], keys: KeyRing) -> list[RefreshToken]:
    """Every validly MACed refresh token among the texts, expired ones and ancestors included."""
    return [token for text in texts if isinstance(token := refresh_token.parse(text.reveal(), keys), RefreshToken)]


def refuse_unknown_keys(texts: list[Secret], keys: KeyRing) -> None:
    """Raise Unavailable if a token is under a key that a roll-out has not brought to this server yet."""
    if any(isinstance(refresh_token.parse(text.reveal(), keys), UnknownKey) for text in texts):
        raise Unavailable("unknown-key", "This server does not have the key of this token yet; try again.")


def mismatch() -> Conflict:
    """The cookie belongs to another sign-in than the client expects."""
    return Conflict("session-mismatch", "The cookie belongs to another sign-in; reload the session state.")
