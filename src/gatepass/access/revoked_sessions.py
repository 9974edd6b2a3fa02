"""The sessions revoked within one access token's life, known to every guard of this process (P4).

`publish` takes effect before the call that revokes returns, so there is no delay inside a process. The follower
(`runtime/follower.py`) loads what other processes revoke. Until `load` has brought the earlier revocations, guards
respond with 503 rather than let a revoked session pass; they do so again when the last load is older than `max_age`.
Memory is bounded by the revocations within one token's life, about 150 bytes each.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from gatepass.errors import Unavailable
from gatepass.ports import Clock, Revocation

FOREVER = float("inf")
OVERLAP = 60
"""Seconds that a reader goes back when it asks again for what is new: the clocks of servers differ, and a revocation
may be committed later than the time that it carries."""


class RevokedSessions:
    """A `ports.RevocationList`: the set of revoked sessions of one process.

    `retention`: seconds for which a revocation is kept, an access token's life and its tolerances. `max_age`: seconds
    since the last load after which the set is no longer trusted; FOREVER if no other process can revoke.
    """

    def __init__(self, *, clock: Clock, retention: int, max_age: float = FOREVER) -> None:
        self._clock = clock
        self._retention = retention
        self._max_age = max_age
        self._revoked: dict[str, int] = {}
        self._loaded_at = -FOREVER
        self._is_loaded = False
        self._listeners: list[Callable[[Revocation], None]] = []

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session was revoked. Raises Unavailable before the first load, and when the last is too old."""
        if not self._is_loaded:
            raise Unavailable("not-ready", "Revocations are not loaded yet; try again.")
        if session_id in self._revoked:
            return True
        if self._max_age != FOREVER and time.monotonic() - self._loaded_at > self._max_age:
            raise Unavailable("out-of-touch", "Revocations cannot be read at the moment; try again.")
        return False

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """Refuse these sessions from now on. `at` is Unix seconds."""
        for sid in sids:
            self._add(Revocation(sid, at))

    def load(self, revocations: Iterable[Revocation]) -> None:
        """Add revocations read from the store or another process. From now on the set is fresh."""
        for revocation in revocations:
            self._add(revocation)
        self._loaded_at = time.monotonic()
        self._is_loaded = True

    def since(self, earliest: int) -> Sequence[Revocation]:
        """All revocations at or after `earliest` (Unix seconds), oldest first."""
        found = [Revocation(bytes.fromhex(sid), at) for sid, at in self._revoked.items() if at >= earliest]
        return sorted(found, key=lambda revocation: revocation.at)

    @contextlib.contextmanager
    def listening(self, listener: Callable[[Revocation], None]) -> Iterator[None]:
        """Call `listener` with each new revocation while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @property
    def is_fresh(self) -> bool:
        """Whether guards may trust the set."""
        return self._is_loaded and (self._max_age == FOREVER or self.staleness <= self._max_age)

    @property
    def staleness(self) -> float:
        """Seconds since the last load, for monitoring."""
        return time.monotonic() - self._loaded_at

    @property
    def cutoff(self) -> int:
        """The earliest revocation that still matters (Unix seconds): every token of an earlier one has expired."""
        return self._clock.now() - self._retention

    def forget(self) -> None:
        """Drop the revocations before `cutoff`."""
        cutoff = self.cutoff
        self._revoked = {sid: at for sid, at in self._revoked.items() if at >= cutoff}

    def _add(self, revocation: Revocation) -> None:
        sid = revocation.sid.hex()
        if sid in self._revoked:
            return
        self._revoked[sid] = revocation.at
        for listener in self._listeners:
            listener(revocation)
