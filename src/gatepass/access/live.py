"""The live connections of a process: WebSockets and long responses that end when their session does (PROTOCOL §10).

They are registered by session, so the end of one costs as much as that session has connections. What the feed brings
(`revoked_sessions.py`) arrives on any thread and is handed to the event loop of each connection at once. What no feed
tells, a token that runs out, a feed that is silent, a change of claims that is spread, is found by a look each second.
No read of a store, no task and no timer of its own for a connection that is quiet.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gatepass.access.check import Check
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.core.claims_mark import EVERYBODY, ClaimsMark
from gatepass.core.principal import Principal
from gatepass.core.rate import Rate
from gatepass.core.revocation_list import RevocationList
from gatepass.errors import InvalidToken, RevokedToken, Unavailable
from gatepass.per_process import PerProcess
from gatepass.ports import Clock
from gatepass.wire.origin import Origins

logger = logging.getLogger("gatepass.live")

LIVE = "gatepass.live"
"""The key, in a scope, of the LiveSocket of a WebSocket, or of the LiveConnections of a request."""
LOOK_INTERVAL = 1.0
"""Seconds between two looks at all connections: 5,000 of them take some milliseconds."""
SLICE = 500
"""Connections that are looked at before anything else has its turn: about a millisecond."""

RENEWALS = Rate(30, 60)
"""Against what: a client renews its token once in minutes, and each costs a verified signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """How much the WebSockets of one process may ask for."""

    admission: int = 10
    """Seconds in which the first message must bring a token."""
    waiting: int = 1_000
    """Sockets that may wait for their first message at the same time; a handshake beyond that is answered 503."""
    grace: int = 10
    """Seconds that a socket stays open after its token has run out or its claims have changed."""
    renewals: Rate = RENEWALS
    """Tokens that one socket may send."""


@runtime_checkable
class News(Protocol):
    """A RevocationList that says when it hears of something. Without it, an end is found by the next look."""

    marks: ClaimsMarks

    def listening(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `listener`, on any thread, whenever something is revoked or marked, while the block runs."""
        ...

    @property
    def count(self) -> int:
        """The number of the newest revocation."""
        ...

    def after(self, number: int) -> Sequence[tuple[int, str]]:
        """The revocations received behind the one of this number."""
        ...


class Connection(Protocol):
    """What is registered. All methods are called on the event loop of the connection."""

    principal: Principal

    def end(self, refusal: InvalidToken | Unavailable) -> None:
        """Close it: the session has ended (RevokedToken), the token has run out, or the guard has lost its feed."""
        ...

    def hold(self, refusal: InvalidToken, now: int) -> None:
        """The token does not hold any more; told again with each look. `now` is Unix seconds."""
        ...

    def release(self) -> None:
        """The token holds, or does so again: a clock was set back."""
        ...


class _House:
    """The rooms of one process. Its child has none of the connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rooms: dict[asyncio.AbstractEventLoop, _Room] = {}


class LiveConnections:
    """The live connections of one gate in this process, on all of its event loops."""

    def __init__(
        self,
        check: Check,
        *,
        revocations: RevocationList,
        clock: Clock,
        origins: Origins | None = None,
        limits: LiveLimits | None = None,
    ) -> None:
        """`origins`: whose pages may open a WebSocket; None: any, as what opens it is a token and no cookie."""
        self.check = check
        self.clock = clock
        self.origins = origins
        self.limits = limits or LiveLimits()
        self.waiting = 0
        """Sockets that wait for their first message."""
        self._revocations = revocations
        self._houses = PerProcess(_House)
        self._listening = ExitStack()
        self._said: set[str] = set()
        self._place = 0
        self._marks_place = 0

    @property
    def count(self) -> int:
        """The connections that are open, for monitoring."""
        return sum(len(connections) for room in self._all() for connections in list(room.by_session.values()))

    def add(self, connection: Connection) -> None:
        """Register a connection on the running event loop. Verify its token afterwards: an end in between is told."""
        loop = asyncio.get_running_loop()
        room = self._houses.here.rooms.get(loop)
        if room is None:
            room = self._open_room(loop)
        room.by_session.setdefault(connection.principal.session_id, set()).add(connection)
        room.keep_looking()

    def remove(self, connection: Connection) -> None:
        """Forget a connection of the running event loop. Idempotent."""
        room = self._houses.here.rooms.get(asyncio.get_running_loop())
        sid = connection.principal.session_id
        if room is None or (beside := room.by_session.get(sid)) is None:
            return
        beside.discard(connection)
        if not beside:
            del room.by_session[sid]

    def holds(self, principal: Principal) -> bool:
        """Whether the token of a principal holds now, by all that this process knows."""
        try:
            self.check.still(principal, self.clock.now())
        except (InvalidToken, Unavailable):
            return False
        return True

    def look(self) -> None:
        """Look at the connections of the running event loop now, and not within a second: for tests with a clock."""
        room = self._houses.here.rooms.get(asyncio.get_running_loop())
        if room is not None:
            room.look()

    def say_once(self, warning: str) -> None:
        """Log how this application could use its sockets better; once in a process."""
        if warning not in self._said:
            self._said.add(warning)
            logger.warning(warning)

    def _open_room(self, loop: asyncio.AbstractEventLoop) -> "_Room":
        house = self._houses.here
        with house.lock:
            for left in [each for each in house.rooms if each.is_closed()]:
                del house.rooms[left]
            if not house.rooms and isinstance(self._revocations, News):
                self._listening.close()
                self._place, self._marks_place = self._revocations.count, self._revocations.marks.count
                self._listening.enter_context(self._revocations.listening(self._tell))
            room = house.rooms[loop] = _Room(loop, check=self.check, clock=self.clock)
        return room

    def _all(self) -> list["_Room"]:
        house = self._houses.here
        with house.lock:
            return list(house.rooms.values())

    def _tell(self) -> None:
        """Hand what has been heard to each event loop. On the thread that heard it, which is the one that writes."""
        if not isinstance(self._revocations, News):
            return
        ended = self._revocations.after(self._place)
        self._place = ended[-1][0] if ended else self._place
        marks = self._revocations.marks.after(self._marks_place)
        self._marks_place = marks[-1][0] if marks else self._marks_place
        sids, changed = [sid for _, sid in ended], [mark for _, mark in marks]
        for room in self._all():
            try:
                room.loop.call_soon_threadsafe(room.hear, sids, changed)
            except RuntimeError:  # its event loop has ended, and its connections with it
                continue


class _Room:
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, check: Check, clock: Clock) -> None:
        self.loop = loop
        self.by_session: dict[str, set[Connection]] = {}
        self._check = check
        self._clock = clock
        self._next: asyncio.TimerHandle | None = None

    def hear(self, sids: Iterable[str], marks: Iterable[ClaimsMark]) -> None:
        """End the connections of these sessions, and look at those of the accounts that were marked."""
        for sid in sids:
            for connection in tuple(self.by_session.get(sid, ())):
                connection.end(RevokedToken())
        accounts = {mark.account_id for mark in marks}
        if not sids or accounts:  # a raised epoch names no account
            self._judge(each for each in self._every() if not accounts or _concerns(accounts, each.principal))

    def keep_looking(self) -> None:
        """Look once a second while there are connections."""
        if self._next is None:
            self._next = self.loop.call_later(LOOK_INTERVAL, self._look_again)

    def look(self) -> None:
        """Look at all connections."""
        self._judge(self._every())

    def _look_again(self) -> None:
        self._next = None
        self._look_on(self._every())

    def _look_on(self, left: list[Connection]) -> None:
        """A slice of them, then the event loop has its turn."""
        self._judge(left[:SLICE])
        if left[SLICE:]:
            self.loop.call_soon(self._look_on, left[SLICE:])
        elif self.by_session:
            self.keep_looking()

    def _every(self) -> list[Connection]:
        return [connection for beside in self.by_session.values() for connection in beside]

    def _judge(self, connections: Iterable[Connection]) -> None:
        now = self._clock.now()
        for connection in connections:
            try:
                self._check.still(connection.principal, now)
            except (RevokedToken, Unavailable) as refusal:
                connection.end(refusal.with_traceback(None))
            except InvalidToken as refusal:
                connection.hold(refusal.with_traceback(None), now)
            else:
                connection.release()


def _concerns(accounts: set[str], principal: Principal) -> bool:
    return principal.account_id in accounts or EVERYBODY in accounts
