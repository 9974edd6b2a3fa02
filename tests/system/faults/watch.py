"""Guards in other processes are asked after every acknowledged end, until the token has expired.

A token of an ended session is *stale* at a guard that admits it later than the guard's bound after the end was
acknowledged, and *forgotten* at a guard that has refused it as revoked and admits it again. A guard may answer 503.

No verdict depends on the speed of the machine. A question counts by the moment at which it was sent, and a guard
compares the same span on its own clock when it answers, which is later.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.system.faults.program import MAX_AGE, SKEW
from tests.system.faults.raw_http import RawConnection
from tools.services.patience import patience

INTERVAL = 0.4
"""Seconds between two questions to one process."""
GRACE = 0.5
"""Seconds beside a bound: clocks of processes are read at different moments, and some count whole seconds."""
BOUNDS: Mapping[str, float] = {
    "server": 0.0,
    "same store": MAX_AGE,
    "polling": MAX_AGE,
    "event stream": MAX_AGE,
    "behind a gate": MAX_AGE,
}
"""Seconds after which each kind of guard refuses, whatever is broken."""


@dataclass(eq=False)
class EndedToken:
    """An access token whose session has ended."""

    token: str
    how: str
    acknowledged_at: float
    expires_at: float
    refused_by: set[str] = field(default_factory=set)
    heard_by: set[str] = field(default_factory=set)
    stale_at: set[str] = field(default_factory=set)
    forgotten_at: set[str] = field(default_factory=set)


class Watch:
    """The guards of one scenario. `living` returns tokens of sessions that nothing has ended."""

    def __init__(self, *, asking: float) -> None:
        """`asking`: seconds after an end during which the guards are asked about its token: its whole life."""
        self.living: Callable[[], Sequence[str]] = tuple
        self.ended: list[EndedToken] = []
        self.admitted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """Questions about living sessions that a guard answered with "revoked"."""
        self.rounds: Counter[str] = Counter()
        """How often each guard has answered."""
        self._asking = asking
        self._is_rushed = False
        self._processes: dict[int, asyncio.Task[None]] = {}
        self._bounds: dict[str, float] = {}

    @contextlib.contextmanager
    def asking(self, port: int, guards: Sequence[str], *, bounds: Mapping[str, float] | None = None) -> Iterator[None]:
        """Ask the guards of a process while the block runs."""
        self._bounds |= {name: {**BOUNDS, **(bounds or {})}[name] for name in guards}
        task = asyncio.create_task(self._ask_always(port))
        try:
            yield
        finally:
            task.cancel()

    @property
    def guards(self) -> set[str]:
        return set(self._bounds)

    def end(self, token: str, how: str) -> EndedToken | None:
        """The session of this token has just ended: an end was acknowledged."""
        if not token:
            return None
        ended = EndedToken(token, how, time.monotonic(), expiry_of(token))
        self.ended.append(ended)
        return ended

    def rush(self) -> None:
        """Let `finish` return at once: what is to be found in the scenario has been found or not."""
        self._is_rushed = True

    async def answered(self, times: int) -> None:
        """Return when each guard has answered so often again."""
        goals = {guard: self.rounds[guard] + times for guard in self.guards}
        async with patience():
            while any(self.rounds[guard] < goal for guard, goal in goals.items()):
                await asyncio.sleep(INTERVAL)

    async def finish(self) -> None:
        """Return when every token has expired, everywhere."""
        while not self._is_rushed and any(self._is_asked(ended) for ended in self.ended):
            await asyncio.sleep(INTERVAL)

    def unheard(self, hows: Sequence[str]) -> set[tuple[str, str]]:
        """The guards that have heard of no end of some kind: (guard, kind)."""
        heard = {(guard, ended.how) for ended in self.ended for guard in ended.heard_by}
        return {(guard, how) for guard in self.guards for how in hows} - heard

    @property
    def stale(self) -> Counter[str]:
        """For each guard the tokens that it admitted too late."""
        return Counter(guard for ended in self.ended for guard in ended.stale_at)

    @property
    def forgotten(self) -> Counter[str]:
        """For each guard the tokens that it admitted again."""
        return Counter(guard for ended in self.ended for guard in ended.forgotten_at)

    def _is_asked(self, ended: EndedToken) -> bool:
        # A server whose clock is ahead issues tokens that expire later than they should.
        return time.monotonic() < ended.acknowledged_at + self._asking and time.time() < ended.expires_at + SKEW + 1

    async def _ask_always(self, port: int) -> None:
        connection = RawConnection(port)
        try:
            while True:
                ended = [each for each in self.ended if self._is_asked(each)]
                lives = self.living
                living = lives()
                sent_at = time.monotonic()
                body = json.dumps([*living, *(each.token for each in ended)]).encode()
                answer = await connection.post("/ask", [], body)
                if answer is not None and answer.status == 200:
                    # A session of those may have been ended since the question was sent, at the end of the scenario.
                    known = len(living) if lives is self.living else 0
                    self._note(answer.json(), asked=len(living), living=known, ended=ended, sent_at=sent_at)
                await asyncio.sleep(INTERVAL)
        finally:
            connection.close()

    def _note(
        self,
        answers: Mapping[str, Sequence[str]],
        *,
        asked: int,
        living: int,
        ended: Sequence[EndedToken],
        sent_at: float,
    ) -> None:
        for guard, found in answers.items():
            self.rounds[guard] += 1
            self.admitted[guard] += found[:living].count("admitted")
            self.refused[guard] += found[:living].count("session revoked")
            for each, answer in zip(ended, found[asked:], strict=True):
                if answer == "session revoked":
                    each.heard_by.add(guard)
                elif answer == "admitted":
                    if guard in each.heard_by:
                        each.forgotten_at.add(guard)
                    if sent_at > each.acknowledged_at + self._bounds[guard] + (GRACE if self._bounds[guard] else 0):
                        each.stale_at.add(guard)


def expiry_of(token: str) -> float:
    """The `exp` of an access token."""
    payload = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
