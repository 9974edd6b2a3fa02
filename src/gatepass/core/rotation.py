"""THE table: what a presented refresh token means for its session (PROTOCOL §4).

    t = the presented token, s = its row, key = hash of the request's Idempotency-Key, or none

    ended    row absent, revoked, before the epoch, or expired    401, nothing changes
    advance  t is the successor of what s has committed           commit t; issue its successor
    repeat   t is committed or an ancestor, under the same key    issue the same successor again
    recover  t is further ahead than any successor of s           the store lost writes: move forward
    late     keyless, within the leeway, t lost a fair race       409, nothing changes
    reuse    everything else                                      two holders: revoke the session

Why this is safe. A session's committed tokens form one line, and each was committed under the key of the
request that presented it. Only this server can MAC a token, so a token that is not on the line is either the
next point of it (advance), a later point that the store forgot (recover), or it descends from a point that
another party has left (reuse). The owner's key for a token is a function of the token, so whatever is lost,
doubled or delayed on the owner's side repeats with equal key: repeat. A thief cannot have that key, so the
first token that both present conflicts.

`decide` is pure, and decided nowhere else: stores only compare and swap.
"""

from dataclasses import dataclass
from hmac import compare_digest

from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.session import (
    MAX_ANCESTORS,
    NO_KEY,
    UNKNOWN_FINGERPRINT,
    UNKNOWN_KEY,
    Ancestor,
    EndReason,
    Session,
    Swap,
)


@dataclass(frozen=True, slots=True)
class Ended:
    """The row is absent, revoked, begun before the epoch, or past its end."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Advance:
    """The expected successor was presented: commit it."""

    swap: Swap


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same request again, by the holder of its key: the same successor, nothing written.

    `session` is the row that was read. An old repeat gets no access token: a thief who can only replay one recorded
    request would otherwise live on it for days.
    """

    session: Session
    with_access_token: bool


@dataclass(frozen=True, slots=True)
class Recover:
    """The store lost writes that this server acknowledged: move it forward to what was presented."""

    swap: Swap


@dataclass(frozen=True, slots=True)
class Late:
    """A keyless request that lost a race within the leeway: nothing issued, nothing revoked."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Two parties hold this session's tokens: end it (RFC 9700 §4.14.2)."""


Outcome = Ended | Advance | Repeat | Recover | Late | Reuse


def expected_swap(token: RefreshToken, *, key_hash: bytes | None, now: int, ip_prefix: str = "") -> Swap:
    """The swap of the usual case, for which no row is read: the token itself says what the row must be."""
    return Swap(
        sid=token.sid,
        expected_generation=token.generation - 1,
        expected_fingerprint=token.parent,
        generation=token.generation,
        fingerprint=token.fingerprint,
        key_hash=key_hash or NO_KEY,
        now=now,
        ip_prefix=ip_prefix,
    )


def decide(
    session: Session | None,
    token: RefreshToken,
    *,
    key_hash: bytes | None,
    now: int,
    policy: Policy,
    ip_prefix: str = "",
    epoch: int = 0,
) -> Outcome:
    """Which row of the table applies.

    `session` is the row of `token.sid`, or None where there is none; `token` is validly MACed and unexpired;
    `key_hash` is the 16-byte hash of the request's key, or None for a keyless request; `now` and `epoch` are Unix
    seconds. A session that began before `epoch` is over, whatever its row says (PROTOCOL §3).
    """
    if session is None:
        return Ended("unknown")
    if session.revoked_at is not None:
        return Ended(session.revoke_reason or "revoked")
    if session.created_at < epoch:
        return Ended("revoked")
    if session.expires_at <= now:
        return Ended("expired")

    age = now - session.committed_at
    timely = 0 <= age <= policy.leeway
    swap = expected_swap(token, key_hash=key_hash, now=now, ip_prefix=ip_prefix)

    if (session.generation, session.fingerprint) == (swap.expected_generation, swap.expected_fingerprint):
        return Advance(swap)
    if token.fingerprint == session.fingerprint:
        if _matches(session.key_hash, key_hash) or (key_hash is None and session.key_hash == NO_KEY):
            return Repeat(session, with_access_token=timely)
    elif _is_known_ancestor(session, token, key_hash):
        return Repeat(session, with_access_token=False)
    if token.generation > session.generation + 1:
        return Recover(_forward(session, token, swap))
    if key_hash is None and timely and _lost_a_race(session, token):
        return Late()
    return Reuse()


def _matches(recorded: bytes, key_hash: bytes | None) -> bool:
    return key_hash is not None and (compare_digest(recorded, key_hash) or recorded == UNKNOWN_KEY)


def _is_known_ancestor(session: Session, token: RefreshToken, key_hash: bytes | None) -> bool:
    place = session.generation - 1 - token.generation
    if not 0 <= place < len(session.ancestors):
        return False
    ancestor = session.ancestors[place]
    return ancestor.fingerprint in (token.fingerprint, UNKNOWN_FINGERPRINT) and _matches(ancestor.key_hash, key_hash)


def _lost_a_race(session: Session, token: RefreshToken) -> bool:
    # Both must be keyless: the sign-in's own entry always is, and says nothing about who refreshed first.
    if not session.ancestors or session.key_hash != NO_KEY:
        return False
    newest = session.ancestors[0]
    return newest.key_hash == NO_KEY and newest.fingerprint in (token.fingerprint, token.parent)


def _forward(session: Session, token: RefreshToken, swap: Swap) -> Swap:
    """The swap over the gap: all between was committed too, the token's parent last, under keys now forgotten."""
    gap = min(token.generation - session.generation - 2, MAX_ANCESTORS)
    return Swap(
        sid=swap.sid,
        expected_generation=session.generation,
        expected_fingerprint=session.fingerprint,
        generation=swap.generation,
        fingerprint=swap.fingerprint,
        key_hash=swap.key_hash,
        now=swap.now,
        ip_prefix=swap.ip_prefix,
        skipped=(Ancestor(token.parent, UNKNOWN_KEY), *[Ancestor(UNKNOWN_FINGERPRINT, UNKNOWN_KEY)] * gap),
    )
