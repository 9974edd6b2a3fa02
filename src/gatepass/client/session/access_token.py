"""What one process knows of its session: the status that a program sees, and the access token that it does not.

Every access token gets a stamp, higher than all before. A call remembers the pass it was sent with, so a 401 that
comes late is answered with the newer token and no second refresh. `since` is the first stamp of the present sign-in:
what was sent before it belonged to somebody else, perhaps, and is never sent again.

A pass is frozen and exchanged as a whole, so a call reads it without a lock.
"""

import time
from dataclasses import dataclass, field
from typing import Literal

from gatepass.client.session.endpoints import Grant
from gatepass.client.storage.record import Account

Status = Literal["active", "degraded", "ended", "anonymous"]
YOUNG = 5.0
"""A 401 for a younger access token is not about its age: another refresh would not help. Seconds."""
KEPT_MARGIN = 5.0
"""By how much sooner a token that was read from a storage is over: it has been measured by two wall clocks. Seconds."""


@dataclass(frozen=True, slots=True)
class Pass:
    """An access token. Times are those of `time.monotonic()`, in seconds."""

    token: str = field(repr=False)
    header: str = field(repr=False)
    stamp: int
    expires_at: float
    ahead_at: float
    young_until: float


class TokenState:
    """Changed by the session alone; read by every call."""

    def __init__(self, margin: float) -> None:
        """`margin`: how many seconds before its end a token is renewed beside a call."""
        self.held: Pass | None = None
        self.sid: str | None = None
        self.stamp = 0
        self.since = 0
        self.status: Status = "anonymous"
        self.reason: str | None = None
        self.account: Account | None = None
        self._margin = margin

    @property
    def usable(self) -> Pass | None:
        """The access token, while it has time left."""
        held = self.held
        return held if held is not None and held.expires_at > time.monotonic() else None

    def take(self, grant: Grant) -> None:
        """Hold a new access token. That of another sign-in replaces all that was known."""
        if grant.sid != self.sid:
            self.clear(sid=grant.sid)
        self._hold(grant.token, grant.lifetime, began=grant.sent_at)
        self.account = grant.account or self.account
        self.status = "active"

    def take_kept(self, token: str, *, expires_at: float, lifetime: float) -> bool:
        """Hold a token that a storage had, if it has time left. `expires_at` is in Unix seconds.

        Never longer than `lifetime` from now: a wrong clock must not make it last for ever.
        """
        margin = min(KEPT_MARGIN, lifetime / 10)
        left = min(expires_at - time.time(), lifetime) - margin
        if left <= 0:
            return False
        self._hold(token, lifetime, began=time.monotonic() + left - lifetime)
        self.status = "active"
        return True

    def clear(self, *, sid: str | None = None, status: Status | None = None, reason: str | None = None) -> None:
        """Another session, or none: nothing else is known."""
        self.held = None
        self.stamp += 1
        self.since = self.stamp
        self.sid = sid
        self.account = None
        self.status = status or ("anonymous" if sid is None else "active")
        self.reason = reason

    def _hold(self, token: str, lifetime: float, *, began: float) -> None:
        self.stamp += 1
        end = began + lifetime
        ahead = min(self._margin, lifetime / 3)
        self.held = Pass(token, f"Bearer {token}", self.stamp, end, end - ahead, began + YOUNG)
