"""The marks of accounts whose claims changed, known to every guard of this process (PROTOCOL §7).

A guard asks `newest` first, which is 0 as long as nothing is marked. A mark is dated by its receipt and forgotten by a
monotonic clock, as a revocation is (`revoked_sessions.py`): about 500 bytes for each account that is marked.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from gatepass.core.claims_mark import EVERYBODY, ClaimsMark, delay_of, time_of
from gatepass.per_process import PerProcess


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    within: int
    begins_at: int
    """Unix seconds: the time of the mark, or of its receipt where our clock is behind."""

    def counts(self, account_id: str, now: int) -> bool:
        """Whether it concerns this account already. Where nothing is spread, no clock is asked."""
        return not self.within or now >= self.begins_at + delay_of(account_id, self.within)

    def counts_for_all(self, now: int) -> bool:
        """Whether its spread is over."""
        return not self.within or now >= self.begins_at + self.within


class ClaimsMarks:
    """The marks of one process. `kept`: seconds for which one may matter, the life of a token and its tolerances."""

    def __init__(self, *, kept: int = 0, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called after new marks."""
        self.newest = 0
        """The highest number there is, 0 without marks. A token with this number cannot be stale."""
        self._kept = kept
        self._changed = changed
        self._held: dict[str, tuple[_Held, ...]] = {}
        self._received: dict[ClaimsMark, float] = {}  # by the order of receipt; the value is the monotonic time of it
        self._forgotten = 0
        self._locks = PerProcess(threading.Lock)

    def is_stale(self, account_id: str, known: int, now: int) -> bool:
        """Whether a token of an account that says `known` was made before a mark that counts at `now` (Unix seconds).

        Of several marks each counts from its own time on: a later one gives no token more time.
        """
        own, of_all = self._held.get(account_id), self._held.get(EVERYBODY)
        if own is None and of_all is None:  # the usual case while others are marked
            return False
        several = (*(own or ()), *(of_all or ()))
        return any(known < held.number and held.counts(account_id, now) for held in several)

    def number_of(self, account_id: str) -> int:
        """The highest number that concerns an account; 0 if none is known here."""
        if not self._held:  # the usual case
            return 0
        several = (*self._held.get(account_id, ()), *self._held.get(EVERYBODY, ()))
        return max((held.number for held in several), default=0)

    def publish(self, marks: Iterable[ClaimsMark], *, now: int) -> None:
        """Refuse older tokens from now on, or from when a mark says. `now` is Unix seconds."""
        received = time.monotonic()
        with self._locks.here:
            new = [mark for mark in marks if mark not in self._received]
            for mark in new:
                held = _Held(mark.number, mark.within, min(time_of(mark.number), now))
                self._held[mark.account_id] = _needed((*self._held.get(mark.account_id, ()), held), now)
                self._received[mark] = received
                self.newest = max(self.newest, mark.number)
        if new:
            self._changed()

    def after(self, place: int) -> Sequence[tuple[int, ClaimsMark]]:
        """All marks received behind the one at this place, each with its own, in the order of receipt; 0 for all."""
        with self._locks.here:
            first = max(place, self._forgotten)
            count = self._forgotten + len(self._received)
            newest = list(islice(reversed(self._received), max(0, count - first)))
        return list(enumerate(reversed(newest), first + 1))

    @property
    def count(self) -> int:
        """The place of the newest mark."""
        with self._locks.here:
            return self._forgotten + len(self._received)

    def forget(self) -> None:
        """Drop the marks that were received so long ago that every older token has expired."""
        with self._locks.here:
            self._forget()

    def _forget(self) -> None:
        horizon = time.monotonic() - self._kept
        kept = {mark: received for mark, received in self._received.items() if received >= horizon}
        numbers = {(mark.account_id, mark.number) for mark in kept}
        living = {
            account_id: tuple(held for held in several if (account_id, held.number) in numbers)
            for account_id, several in self._held.items()
        }
        self._forgotten += len(self._received) - len(kept)
        self._received = kept
        self._held = {account_id: several for account_id, several in living.items() if several}
        self.newest = max((mark.number for mark in kept), default=0)


def _needed(several: tuple[_Held, ...], now: int) -> tuple[_Held, ...]:
    """Without those that say nothing beside a later one that counts for every account already."""
    latest = max((held.number for held in several if held.counts_for_all(now)), default=0)
    return tuple(held for held in several if held.number >= latest)
