"""What a guard asks of the list of ended sessions, kept by this gate, or from another one's events."""

from collections.abc import Sequence
from typing import Protocol

from gatepass.core.claims_mark import ClaimsMark


class MarkList(Protocol):
    """The accounts whose claims changed. `access.claims_marks.ClaimsMarks` keeps it."""

    @property
    def newest(self) -> int:
        """The highest number of a mark; 0 without marks."""
        ...

    def is_stale(self, account_id: str, known: int, now: int) -> bool:
        """Whether a token of the account that says `known` is refused at `now` (Unix seconds)."""
        ...

    def number_of(self, account_id: str) -> int:
        """The highest number that concerns an account; 0 if none is known here."""
        ...

    def publish(self, marks: Sequence[ClaimsMark], *, now: int) -> None:
        """Make every guard of this process know these marks from now on."""
        ...


class RevocationList(Protocol):
    """The revoked sessions, kept in memory so that a guard needs no read per request (P4)."""

    @property
    def marks(self) -> MarkList:
        """The accounts whose claims changed; always the same object."""
        ...

    @property
    def epoch(self) -> int:
        """Sessions that began before this time (Unix seconds) are over, whatever else is known of them."""
        ...

    def is_revoked(self, session_id: str) -> bool:
        """Whether this session was revoked. Raises Unavailable while the list is not loaded or too old to trust."""
        ...

    def publish(self, sids: Sequence[bytes]) -> None:
        """Make every guard of this process refuse these sessions from now on."""
        ...

    def raise_epoch(self, epoch: int) -> None:
        """Make every guard of this process refuse all sessions that began before `epoch`. It is never lowered."""
        ...
