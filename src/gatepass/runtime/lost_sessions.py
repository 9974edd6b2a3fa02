"""Notices that a store has lost sessions: many refreshes at once are of sessions that it does not know.

A refresh token with a valid MAC is one that this system has issued, so its session existed. A few such refreshes are
usual: a session that was revoked is deleted a day later, and its client may come back after that. Many at a time mean a
store that was emptied, restored from a backup, failed over without its last writes, or evicts sessions.
"""

from collections.abc import Callable

from gatepass.core.event import Event, RefreshRefused, SessionRefreshed, SessionsLost
from gatepass.core.policy import MINUTE

WINDOW = MINUTE
"""Seconds that are counted together; at most one event for each."""
MIN_LOST = 10
"""Different unknown sessions in a window that are an event."""
MIN_SHARE = 0.05
"""Their share of the refreshes in the window: with millions of users some clients of old sessions come every minute."""


class LostSessions:
    """A listener of a gate's events."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report
        self._began = 0
        self._renewed = 0
        self._unknown: set[str] = set()
        self._is_reported = False

    def on_event(self, event: Event) -> None:
        """Count an event. Reports SessionsLost, once in a window."""
        if isinstance(event, SessionRefreshed):
            self._turn(event.at)
            self._renewed += 1
        elif isinstance(event, RefreshRefused) and event.reason == "unknown":
            self._turn(event.at)
            self._unknown.add(event.sid)
            count = len(self._unknown)
            if not self._is_reported and count >= max(MIN_LOST, MIN_SHARE * (self._renewed + count)):
                self._is_reported = True
                self._report(SessionsLost(at=event.at, count=count))

    def _turn(self, now: int) -> None:
        if not self._began <= now < self._began + WINDOW:
            self._began, self._renewed, self._is_reported = now, 0, False
            self._unknown.clear()
