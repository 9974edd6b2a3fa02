"""THE table: what a presented refresh token means for its session (PROTOCOL §4).

    t = the presented token, s = its row, b = the binding of t, else of the key that this request offers, else none.
    A bound t comes here only after its proof: every request is then the owner's, or an exact copy of one of them.

    ended    row absent, revoked, before the epoch, or expired    401, nothing changes
    missing  the session has a device, the request shows none     403, nothing changes

    bound t:
    advance  t is newer than the row (a gap: the store lost it)   commit t; issue the next generation
    repeat   else                                                 issue the generation after the row's, write nothing
    reuse    the row has another key, or none and t is older      two keys: revoke the session

    unbound t:
    advance  t is the successor of what s has committed           commit t, bind to b; issue its successor
    repeat   t is committed under the same b, or the row is       issue the successor again
             bound to the offered key and t is not newer
    recover  t is further ahead than any successor of s           the store lost writes: move forward
    late     no key, within the leeway, t lost a fair race        409, nothing changes
    reuse    everything else                                      two holders: revoke the session

Why this is safe. A party that presents a bound token has proven the key, so nothing has to be told apart and
nothing remembered: the row of a bound session is a counter, and any roll-back of jar or store heals in two calls. An
unbound token belongs to each party that copied it: its tokens form one line, and a token that is off the line means
that two parties have used one of them. A row that is bound admits no unbound token but those that
its own key offers again.

`decide` is pure, and decided nowhere else: stores only compare and swap.
"""

from dataclasses import dataclass, replace

from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, EndReason, Session, Swap


@dataclass(frozen=True, slots=True)
class Ended:
    """The row is absent, revoked, begun before the epoch, or past its end."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class DeviceMissing:
    """The session is bound to a device, and this request does not come from it (PROTOCOL §11). It may be a copy."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The next token was presented: commit it."""

    swap: Swap


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same request again, or an older one: the next token after the row's, nothing written.

    `session` is the row that was read. An old repeat gets no access token: a thief who can only replay one recorded
    request would otherwise live on it for days.
    """

    session: Session
    with_access_token: bool


@dataclass(frozen=True, slots=True)
class Recover:
    """The store lost writes that this server acknowledged: move it forward to the unbound token that was presented."""

    swap: Swap


@dataclass(frozen=True, slots=True)
class Late:
    """An unbound request that lost a race within the leeway: nothing issued, nothing revoked."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Two parties hold this session's tokens: end it (RFC 9700 §4.14.2)."""


Outcome = Ended | DeviceMissing | Advance | Repeat | Recover | Late | Reuse


def expected_swap(
    token: RefreshToken, *, binding: bytes, now: int, ip_prefix: str = "", shown_device: bool = False
) -> Swap:
    """The swap of the usual case, for which no row is read: the token itself says what the row must be.

    `binding` is that of the token, or of the key that is offered for an unbound one, or NO_BINDING. `shown_device`:
    the request brings the cookie that the session's device has just earned.
    """
    return Swap(
        sid=token.sid,
        expected_generation=token.generation - 1,
        expected_fingerprint=token.follows,
        expected_binding=token.binding,
        generation=token.generation,
        fingerprint=token.fingerprint,
        binding=binding,
        previous=token.parent,
        now=now,
        ip_prefix=ip_prefix,
        shown_device=shown_device,
    )


def decide(
    session: Session | None,
    token: RefreshToken,
    *,
    binding: bytes,
    now: int,
    policy: Policy,
    ip_prefix: str = "",
    epoch: int = 0,
    shown_device: bool = False,
) -> Outcome:
    """Which row of the table applies.

    `session` is the row of `token.sid`, or None where there is none; `token` is validly MACed, unexpired and, if it is
    bound, proven; `binding` is that of the token, else of the key that this request offers, else NO_BINDING; `now` and
    `epoch` are Unix seconds. A session that began before `epoch` is over, whatever its row says (PROTOCOL §3).
    `shown_device` as for `expected_swap`.
    """
    reason = end_of(session, now=now, epoch=epoch)
    if session is None or reason is not None:
        return Ended(reason or "unknown")
    if session.device_since is not None and not shown_device:
        return DeviceMissing()
    # The server that committed the row may have a clock that is ahead of this one's.
    timely = -policy.clock_skew <= now - session.committed_at <= policy.leeway
    swap = expected_swap(token, binding=binding, now=now, ip_prefix=ip_prefix, shown_device=shown_device)
    table = _decide_bound if token.is_bound else _decide_unbound
    return table(session, token, swap, timely)


def end_of(session: Session | None, *, now: int, epoch: int) -> EndReason | None:
    """Why a session is over at `now`; None if it is not. `epoch` as for `decide`."""
    if session is None:
        return "unknown"
    if session.revoked_at is not None:
        return session.revoke_reason or "revoked"
    if session.created_at < epoch:
        return "revoked"
    return "expired" if session.expires_at <= now else None


def _decide_bound(session: Session, token: RefreshToken, swap: Swap, timely: bool) -> Outcome:
    is_newer = token.generation > session.generation
    if session.binding not in (token.binding, NO_BINDING) or (session.binding == NO_BINDING and not is_newer):
        return Reuse()
    if is_newer:
        return Advance(_from(session, swap))
    return Repeat(session, with_access_token=timely and token.generation == session.generation)


def _decide_unbound(session: Session, token: RefreshToken, swap: Swap, timely: bool) -> Outcome:
    is_committed = token.fingerprint == session.fingerprint
    if session.binding != NO_BINDING:
        if swap.binding == session.binding and token.generation <= session.generation:
            return Repeat(session, with_access_token=timely and is_committed)
        return Reuse()
    if (session.generation, session.fingerprint) == (swap.expected_generation, swap.expected_fingerprint):
        return Advance(swap)
    if is_committed and swap.binding == NO_BINDING:
        return Repeat(session, with_access_token=timely)
    if token.generation > session.generation + 1:
        return Recover(replace(_from(session, swap), previous=NO_FINGERPRINT))
    if swap.binding == NO_BINDING and timely and _lost_a_race(session, token):
        return Late()
    return Reuse()


def _lost_a_race(session: Session, token: RefreshToken) -> bool:
    return session.previous != NO_FINGERPRINT and session.previous in (token.fingerprint, token.parent)


def _from(session: Session, swap: Swap) -> Swap:
    """The swap under the condition of the row that was read."""
    return replace(
        swap,
        expected_generation=session.generation,
        expected_fingerprint=session.fingerprint,
        expected_binding=session.binding,
    )
