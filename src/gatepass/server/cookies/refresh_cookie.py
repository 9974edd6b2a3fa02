"""Which refresh token a request presents, and whether it may: PROTOCOL §4's checks before the table.

    cross-site → cookie present → parse, channel, key id, MAC → generation and challenge of the header
    → Gatepass-Session → proof

The first one is the app's: it applies to every endpoint that is declared `cross_site`, before its function runs. The
others are `RefreshCookies.present`. All of it costs a few HMACs and no I/O, so garbage and copies of a bound token are
refused before the store is asked (P2, P5).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gatepass.core import refresh_token
from gatepass.core.binding import BindingKey, Proof, parse_proof
from gatepass.core.event import Unproven as Reason
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import RefreshToken, RetiredKey, UnknownKey
from gatepass.errors import BadRequest, Conflict, Fact, NoSession, SessionEnded, Unavailable
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.server.http import Request
from gatepass.sessions.tokens import Grant
from gatepass.wire.asgi import reclaim
from gatepass.wire.cookies import Cookies, Received
from gatepass.wire.headers import Headers


class Proven(NamedTuple):
    """A refresh token that passed the checks, and the key that the request proved if it is a bound one."""

    token: RefreshToken
    key: BindingKey | None


class OutOfStep(NamedTuple):
    """The client read cookie and state at different moments: tell it the generation and challenge of `token`."""

    token: RefreshToken


class Unproven(NamedTuple):
    """A bound token without the proof of its key counts as a copy."""

    token: RefreshToken
    reason: Reason


Presented = Proven | OutOfStep | Unproven


class RefreshCookies:
    """The refresh cookies of one gate: what a request presents, and what an answer sets."""

    def __init__(self, cookies: Cookies, *, keys: KeyRing, clock: Clock) -> None:
        self._cookies = cookies
        self._keys = keys
        self._clock = clock

    def present(self, request: Request) -> Presented:
        """The refresh token of a request, after the checks. No I/O.

        Raises BadRequest (`invalid-proof`), NoSession, SessionEnded (no authentic token), Unavailable (`unknown-key`),
        or Conflict (`session-mismatch`).
        """
        proof = read_proof(request.headers)
        expected_sid = request.headers.one(b"gatepass-session")
        token = choose(self.received(request), self._keys, expected_sid=expected_sid)
        if proof is not None and (proof.generation, proof.challenge) != (token.generation, token.challenge):
            return OutOfStep(token)
        if expected_sid is not None and expected_sid != token.sid.hex():
            raise mismatch(token)
        if not token.is_bound:
            return Proven(token, None)
        key = refresh_token.proven_key(token, self._keys, proof)
        return Proven(token, key) if key else Unproven(token, "wrong" if proof else "missing")

    def authentic(self, request: Request, *, expected_sid: str | None = None) -> RefreshToken:
        """The refresh token of a request that needs no proof of its key. Raises as `present` does, but BadRequest."""
        return choose(self.received(request), self._keys, expected_sid=expected_sid)

    def received(self, request: Request) -> Sequence[Received]:
        """The refresh cookies that came, also those that a guard outside withheld."""
        return self._cookies.read(reclaim(request.scope, request.headers))

    def sids_of(self, request: Request) -> set[bytes]:
        """The sessions whose authentic refresh tokens came with a request, live or ended."""
        return self.sids(self.received(request))

    def sids(self, received: Sequence[Received]) -> set[bytes]:
        """The sessions of all authentic tokens, live or ended."""
        return {token.sid for token in authentic(received, self._keys)}

    def sign_out(self, request: Request, *, proven: set[bytes]) -> tuple[set[bytes], list[str]]:
        """The sessions that a logout ends, and the Set-Cookie values that go with it.

        `proven` are those that it names by other means than cookies. Where the client expects one of them, and the
        cookies are another sign-in's by now, those stay. Raises Unavailable (`unknown-key`) if nothing authentic came,
        or Conflict (`session-mismatch`) if the client expects a session that nothing names.
        """
        received = self.received(request)
        sids = self.sids(received)
        if not sids and not proven:
            refuse_unknown_keys(received, self._keys)
        expected_sid = request.headers.one(b"gatepass-session")
        if expected_sid is not None and sids and expected_sid not in {sid.hex() for sid in sids}:
            if expected_sid not in {sid.hex() for sid in proven}:
                raise mismatch()
            return proven, []
        return sids | proven, self._cookies.clear()

    def issue(self, grant: Grant) -> list[str]:
        """The Set-Cookie values that hand out a grant."""
        remember = grant.session.remember
        cookies = self._cookies.issue(grant.token, grant.text, remember=remember, now=grant.now)
        if grant.page_token is not None:
            cookies.append(self._cookies.page(grant.page_token, max_age=grant.page_expires_in if remember else None))
        return cookies

    def clear(self) -> list[str]:
        """The Set-Cookie values that delete these cookies."""
        return self._cookies.clear()

    def state(self, token: RefreshToken, *, remember: bool) -> list[str]:
        """The Set-Cookie values of the state that goes with `token`."""
        return self._cookies.state(token, remember=remember, now=self._clock.now())


def read_proof(headers: Headers) -> Proof | None:
    """The request's proof, or None without one. Raises BadRequest for any other form, or for two."""
    text = headers.one(b"gatepass-proof")
    if text is None:
        return None
    proof = parse_proof(text)
    if proof is None:
        raise BadRequest(
            ProblemCode.INVALID_PROOF,
            "Gatepass-Proof must be sent once, as <generation>.<challenge>.<22 characters of base64url>.",
        )
    return proof


def choose(received: Sequence[Received], keys: KeyRing, *, expected_sid: str | None) -> RefreshToken:
    """The refresh token among the cookies of a request.

    Several can come: names change, and paths overlap. Those of `expected_sid` are preferred, then the highest
    generation counts. Two sessions and no preference are a Conflict, by which no session is revoked.
    """
    if not received:
        raise NoSession
    tokens = authentic(received, keys)
    if not tokens:
        refuse_unknown_keys(received, keys)
        raise ended(received, keys)
    if len(tokens) == 1:  # there is nothing to choose
        return tokens[0]
    candidates = [token for token in tokens if token.sid.hex() == expected_sid] or tokens
    if len({token.sid for token in candidates}) > 1:
        raise mismatch()
    return max(candidates, key=lambda token: token.generation)


def authentic(received: Iterable[Received], keys: KeyRing) -> list[RefreshToken]:
    """Every validly MACed refresh token of its channel, expired, old and unproven ones included."""
    return [token for one in received if isinstance(token := _parse(one, keys), RefreshToken)]


def refuse_unknown_keys(received: Iterable[Received], keys: KeyRing) -> None:
    """Raise Unavailable if a token is under a key that a roll-out has not brought to this server yet."""
    if any(isinstance(_parse(one, keys), UnknownKey) for one in received):
        raise Unavailable(ProblemCode.UNKNOWN_KEY, "This server does not have the key of this token yet; try again.")


def ended(received: Iterable[Received], keys: KeyRing) -> SessionEnded:
    """Over, as none of the tokens is authentic. It names the session of one under a secret that leaked.

    Nothing proves that one, but no server will accept anything under it again, and its client must be told.
    """
    retired = [token for one in received if isinstance(token := _parse(one, keys), RetiredKey)]
    return SessionEnded(sid=retired[0].sid.hex(), reason="revoked") if retired else SessionEnded()


def mismatch(token: RefreshToken | None = None) -> Conflict:
    """The cookie belongs to another sign-in than the client expects: that of `token`, if it is one alone."""
    detail = "The cookie belongs to another sign-in; reload the session state."
    return Conflict(ProblemCode.SESSION_MISMATCH, detail, facts=None if token is None else mark_of(token))


def mark_of(token: RefreshToken) -> Mapping[str, Fact]:
    """What an answer without tokens says of the right refresh token, for pages that cannot read the state (§5)."""
    return {"sid": token.sid.hex(), "refresh_generation": token.generation, "refresh_challenge": token.challenge}


def _parse(received: Received, keys: KeyRing) -> object:
    return refresh_token.parse(received.text.reveal(), keys, channel=received.channel)
