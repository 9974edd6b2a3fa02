"""What a refresh can come to: one frozen class for each case of PROTOCOL §4, matched exhaustively."""

from dataclasses import dataclass

from gatepass.core.session import EndReason, Session, Swap


@dataclass(frozen=True, slots=True)
class Ended:
    """The row is absent, revoked or past its end."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Advance:
    """The expected successor was presented: commit it."""

    swap: Swap


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same request again, by the holder of its key: the same successor, nothing written.

    `session` is the row that was read. An old repeat gets no access token: whoever only re-plays one recorded
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
