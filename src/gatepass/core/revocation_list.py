"""What a guard asks of the list of ended sessions, whoever keeps it: this gate, or another one's events."""

from collections.abc import Sequence
from typing import Protocol


class RevocationList(Protocol):
    """The revoked sessions, kept in memory so that a guard needs no read per request (P4)."""

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
