"""What one process knows of its session: the status that a program sees, and the access token that it does not.

Every access token gets a serial number, higher than all before. A call keeps the token that it was sent with, so a
401 that comes late is answered with the newer token and no second refresh. A token says of which session it is: a call
that was sent with one of another session may belong to another user, and is never sent again.

An access token is frozen and replaced as a whole, so a call reads it without a lock. Two facts that
belong together are read from one token, or under `lock`.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from gatepass.client.session import clock
from gatepass.client.session.endpoints import Grant
from gatepass.client.storage.record import Account
from gatepass.per_process import PerProcess

Status = Literal["active", "degraded", "ended", "anonymous"]
GRACE_PERIOD = 5.0
"""A 401 for an access token younger than this is not about its age: another refresh would not help, unless it says
CLAIMS_CHANGED. Seconds."""
CLAIMS_CHANGED = "claims-changed"
"""The reason of a 401 for a token of any age: the claims of the account changed since it was issued (PROTOCOL §7)."""
STORED_MARGIN = 5.0
"""How much sooner a token from a storage counts as expired: two wall clocks have measured it. Seconds."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token. Times are those of `clock.now()`, in seconds."""

    token: str = field(repr=False)
    header: str = field(repr=False)
    sid: str
    serial: int
    expires_at: float
    refresh_after: float
    grace_until: float


class TokenState:
    """The status and the access token. Changed by the session alone; read by every call."""

    def __init__(self, margin: float) -> None:
        """`margin`: seconds before its end from which on a token is refreshed in the background."""
        self.current: AccessToken | None = None
        self.sid: str | None = None
        self.serial = 0
        self.status: Status = "anonymous"
        self.reason: str | None = None
        self.account: Account | None = None
        self.watchers: set[Callable[[], None]] = set()
        """Called, on any thread, after the session has changed or ended here: a stream of the earlier one must end."""
        self._margin = margin
        self._locks = PerProcess(threading.RLock)

    @property
    def lock(self) -> threading.RLock:
        """Held for each change. Never while a storage is asked: that one may have a lock of its own."""
        return self._locks.here

    @property
    def usable(self) -> AccessToken | None:
        """The access token, unless it has expired."""
        token = self.current
        return token if token is not None and token.expires_at > clock.now() else None

    def take(self, grant: Grant) -> None:
        """Use a new access token. That of another sign-in replaces all that was known."""
        with self.lock:
            if grant.sid != self.sid:
                self.clear(sid=grant.sid)
            self._use(grant.token, grant.lifetime, sid=grant.sid, began=grant.sent_at)
            self.account = grant.account or self.account
            self.status = "active"

    def take_stored(self, token: str, *, sid: str, expires_at: float, lifetime: float) -> bool:
        """Use a token of this session from a storage. Returns False, and changes nothing, if it has expired.

        `expires_at` is in Unix seconds, `lifetime` in seconds. The token is used for at most `lifetime` from now: a
        wrong clock must not make it last for ever.
        """
        margin = min(STORED_MARGIN, lifetime / 10)
        left = min(expires_at - time.time(), lifetime) - margin
        if left <= 0:
            return False
        with self.lock:
            self._use(token, lifetime, sid=sid, began=clock.now() + left - lifetime)
            self.status = "active"
        return True

    def degrade(self, sid: str | None) -> None:
        """Say that this session is kept, but not refreshed or saved for now. Changes nothing if it is over here."""
        with self.lock:
            if sid is not None and self.sid == sid:
                self.status = "degraded"

    def clear(self, *, sid: str | None = None, status: Status | None = None, reason: str | None = None) -> None:
        """Begin anew with another session, or with none: no token, no account."""
        with self.lock:
            self.current = None
            self.serial += 1
            self.sid = sid
            self.account = None
            self.status = status or ("anonymous" if sid is None else "active")
            self.reason = reason
        for changed in tuple(self.watchers):
            changed()

    @contextlib.contextmanager
    def watching(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` on the event loop that is running, after each change of the session while the block runs."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the thread that signs out must not fail
                loop.call_soon_threadsafe(wake)

        self.watchers.add(tell)
        try:
            yield
        finally:
            self.watchers.discard(tell)

    def _use(self, token: str, lifetime: float, *, sid: str, began: float) -> None:
        self.serial += 1
        end = began + lifetime
        ahead = min(self._margin, lifetime / 3)
        self.current = AccessToken(token, f"Bearer {token}", sid, self.serial, end, end - ahead, began + GRACE_PERIOD)
