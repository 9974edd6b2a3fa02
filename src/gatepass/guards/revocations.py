"""The sessions that ended within one access token's life, known to every guard of this process (P4).

`publish` takes effect before the call that revoked returns, so there is no delay inside a process. Guards are
not ready before `load` has brought what was revoked earlier: until then they answer 503 rather than let a
revoked session pass. Memory is bound by what was revoked within one token's life, about 150 bytes each.
"""

from collections.abc import Iterable, Sequence

from gatepass.errors import Unavailable
from gatepass.ports import Clock, Revocation


class LocalFeed:
    """The feed of a single process. `horizon`: seconds for which a revocation matters, AT life plus tolerance."""

    def __init__(self, *, clock: Clock, horizon: int) -> None:
        self._clock = clock
        self._horizon = horizon
        self._revoked: dict[str, int] = {}
        self._is_ready = False

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session ended. Raises Unavailable before the first load."""
        if not self._is_ready:
            raise Unavailable("not-ready", "Revocations are not loaded yet; try again.")
        return session_id in self._revoked

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """Refuse these sessions from now on. `at` is Unix seconds."""
        for sid in sids:
            self._revoked[sid.hex()] = at

    def load(self, revocations: Iterable[Revocation]) -> None:
        """Take in what the store knows; from here on the guards are ready."""
        for revocation in revocations:
            self._revoked.setdefault(revocation.sid.hex(), revocation.at)
        self._is_ready = True

    @property
    def since(self) -> int:
        """The earliest revocation that still matters (Unix seconds)."""
        return self._clock.now() - self._horizon

    def forget(self) -> None:
        """Drop what no unexpired access token can belong to any more."""
        since = self.since
        self._revoked = {sid: at for sid, at in self._revoked.items() if at >= since}
