"""The sessions that ended within one access token's life, known to every guard of this process (P4).

`publish` takes effect before the call that revoked returns, so there is no delay inside a process. Of what
other processes revoke the follower (`runtime/follower.py`) tells. Guards are not ready before `load` has brought
what was revoked earlier: until then they answer 503 rather than let a revoked session pass; and so they do
again once the feed has been out of touch with the store for longer than its patience. Memory is bound by what
was revoked within one token's life, about 150 bytes each.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from gatepass.errors import Unavailable
from gatepass.ports import Clock, Revocation

FOREVER = float("inf")


class RevokedSessions:
    """What one process knows of ended sessions.

    `horizon`: seconds for which a revocation matters, AT life plus tolerance. `patience`: seconds without contact
    to the store after which guards answer 503; FOREVER where no other process can revoke.
    """

    def __init__(self, *, clock: Clock, horizon: int, patience: float = FOREVER) -> None:
        self._clock = clock
        self._horizon = horizon
        self._patience = patience
        self._revoked: dict[str, int] = {}
        self._contact = -FOREVER
        self._is_ready = False
        self._listeners: list[Callable[[Revocation], None]] = []

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session ended. Raises Unavailable before the first load, and when out of touch for too long."""
        if not self._is_ready:
            raise Unavailable("not-ready", "Revocations are not loaded yet; try again.")
        if session_id in self._revoked:
            return True
        if self._patience != FOREVER and time.monotonic() - self._contact > self._patience:
            raise Unavailable("out-of-touch", "Revocations cannot be learned of just now; try again.")
        return False

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """Refuse these sessions from now on. `at` is Unix seconds."""
        for sid in sids:
            self._learn(Revocation(sid, at))

    def load(self, revocations: Iterable[Revocation]) -> None:
        """Take in what the store or another process tells; from here on the guards are ready."""
        for revocation in revocations:
            self._learn(revocation)
        self._contact = time.monotonic()
        self._is_ready = True

    def known(self, since: int) -> Sequence[Revocation]:
        """All revocations at or after `since`, oldest first."""
        found = [Revocation(bytes.fromhex(sid), at) for sid, at in self._revoked.items() if at >= since]
        return sorted(found, key=lambda revocation: revocation.at)

    @contextlib.contextmanager
    def told(self, listener: Callable[[Revocation], None]) -> Iterator[None]:
        """Call `listener` with everything that is learned while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @property
    def is_in_touch(self) -> bool:
        """Whether guards may go by what is known here."""
        return self._is_ready and (self._patience == FOREVER or self.silence <= self._patience)

    @property
    def silence(self) -> float:
        """Seconds since the store was last heard: a number to watch."""
        return time.monotonic() - self._contact

    @property
    def since(self) -> int:
        """The earliest revocation that still matters (Unix seconds)."""
        return self._clock.now() - self._horizon

    def forget(self) -> None:
        """Drop what no unexpired access token can belong to any more."""
        since = self.since
        self._revoked = {sid: at for sid, at in self._revoked.items() if at >= since}

    def _learn(self, revocation: Revocation) -> None:
        sid = revocation.sid.hex()
        if sid in self._revoked:
            return
        self._revoked[sid] = revocation.at
        for listener in self._listeners:
            listener(revocation)
