"""The sessions that ended within one access token's life, known to every guard of this process (P4).

`publish` takes effect before the call that revokes returns, so there is no delay inside a process. The follower
(`runtime/follower.py`) loads what other processes revoke. Until `load` has brought the earlier revocations, guards
respond with 503 rather than let a revoked session pass; they do so again when the last contact is older than `max_age`.

A revocation is dated by its receipt here and forgotten by a monotonic clock: neither the clock of the process that
revoked nor a step of our own decides how long it counts. CLOCK_MARGIN on top is for a clock of ours that is set back:
tokens that had expired are valid again then. Memory is bounded by the revocations within one token's life and that
margin, about 150 bytes each.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from gatepass.access.claims_marks import ClaimsMarks
from gatepass.core.policy import HOUR
from gatepass.errors import Unavailable
from gatepass.per_process import PerProcess
from gatepass.problem_codes import ProblemCode

FOREVER = float("inf")
CLOCK_MARGIN = HOUR
"""Seconds by which the clocks of two processes, or of one process before and after a correction, may differ without a
revocation being missed."""


class RevokedSessions:
    """A `core.revocation_list.RevocationList`: the set of revoked sessions of one process.

    `retention`: the life of an access token and its tolerances, in seconds. `max_age`: seconds since the last contact
    after which the set is no longer trusted; FOREVER: never.
    """

    def __init__(self, *, retention: int, max_age: float = FOREVER) -> None:
        self.kept = retention + CLOCK_MARGIN
        """Seconds for which a revocation may matter, whatever clock it was dated by."""
        self._max_age = max_age
        self._revoked: dict[str, float] = {}  # by the order of receipt; the value is the monotonic time of it
        self._forgotten = 0
        self._locks = PerProcess(threading.Lock)
        self._loaded_at = -FOREVER
        self._is_loaded = False
        self._parts: dict[str, float] = {}  # by the first byte of sids in hexadecimal: parts that lag behind
        self._listeners: list[Callable[[], None]] = []
        self.marks = ClaimsMarks(kept=self.kept, changed=self._notify)
        """The accounts whose claims changed, which reach a process by the same feed."""
        self.epoch = 0
        """Sessions that began before this time (Unix seconds) are over (PROTOCOL §3)."""

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session was revoked. Raises Unavailable before the first load, and when the last is too old."""
        if not self._is_loaded:
            raise Unavailable(ProblemCode.NOT_READY, "Revocations are not loaded yet; try again.")
        if session_id in self._revoked:
            return True
        loaded_at = self._parts.get(session_id[:2], self._loaded_at) if self._parts else self._loaded_at
        if self._max_age != FOREVER and time.monotonic() - loaded_at > self._max_age:
            raise out_of_touch()
        return False

    def publish(self, sids: Iterable[bytes]) -> None:
        """Refuse these sessions from now on."""
        received = time.monotonic()
        with self._locks.here:
            new = [sid for sid in map(bytes.hex, sids) if sid not in self._revoked]
            self._revoked.update(dict.fromkeys(new, received))
        if new:
            self._notify()

    def raise_epoch(self, epoch: int) -> None:
        """Refuse all sessions that began before `epoch` (Unix seconds). It is never lowered."""
        if epoch > self.epoch:
            self.epoch = epoch
            self._notify()

    def load(self, sids: Iterable[bytes], *, age: float = 0.0, missing: Iterable[int] = ()) -> None:
        """Add revocations read from the store or another process, which was true `age` seconds ago.

        From now on the set is fresh, or as stale as `age` says, but for the sids that begin with a byte in `missing`:
        nothing new is known of them.
        """
        self.publish(sids)
        self._parts = {part: self._parts.get(part, self._loaded_at) for part in map("{:02x}".format, missing)}
        self._loaded_at = max(self._loaded_at, time.monotonic() - age)
        self._is_loaded = True

    def after(self, number: int) -> Sequence[tuple[int, str]]:
        """All revocations received behind the one of this number, each with its own, in the order of receipt.

        The first has number 1; 0 asks for all that are kept.
        """
        with self._locks.here:
            first = max(number, self._forgotten)
            count = self._forgotten + len(self._revoked)
            newest = list(islice(reversed(self._revoked), max(0, count - first)))
        return list(enumerate(reversed(newest), first + 1))

    @property
    def count(self) -> int:
        """The number of the newest revocation."""
        with self._locks.here:
            return self._forgotten + len(self._revoked)

    @contextlib.contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` whenever something is revoked or marked, while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def require_fresh(self) -> None:
        """Raise Unavailable unless guards may trust the set."""
        if not self.is_fresh:
            raise out_of_touch()

    @property
    def is_fresh(self) -> bool:
        """Whether guards may trust the set."""
        return self._is_loaded and (self._max_age == FOREVER or self.staleness <= self._max_age)

    @property
    def staleness(self) -> float:
        """Seconds since the last contact, or that with the part that lags most, for monitoring."""
        return time.monotonic() - min(self._loaded_at, *self._parts.values(), FOREVER)

    def forget(self) -> None:
        """Drop the revocations that were received so long ago that every token of them has expired."""
        horizon = time.monotonic() - self.kept
        with self._locks.here:
            kept = {sid: received for sid, received in self._revoked.items() if received >= horizon}
            self._forgotten += len(self._revoked) - len(kept)
            self._revoked = kept
        self.marks.forget()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):  # another thread may remove one
            listener()


def out_of_touch() -> Unavailable:
    """503: what other processes revoke is not known at the moment."""
    return Unavailable(ProblemCode.OUT_OF_TOUCH, "Revocations cannot be read at the moment; try again.")
