"""Browsers that refresh without a pause, thefts among them, and the four zeros that must come out at the end.

    async with Load(port, profiles=6) as load:      # all signed in and refreshing
        await load.progress()                       # each session got a few answers
        ...break something...
        await load.progress()                       # and again: the service is back
        verdict = await load.verdict("what was broken")

A profile is one session with one or two tabs. Victims of a theft have one tab and are counted apart from the rest.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.system.faults.browser_profile import Outcome, Profile, pause
from tests.system.faults.raw_http import RawConnection
from tests.system.faults.theft import Stolen, Theft
from tools.services.patience import patience


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a scenario; `str()` is the line that is printed and recorded."""

    scenario: str
    sessions: int
    refreshes: int
    repeated: int
    faults: int
    thefts: int
    detected: int
    lost: int
    false_logouts: int
    forks: int
    unexpected: tuple[str, ...]
    reasons: tuple[str, ...]
    """The reasons of the sessions that ended and should not have."""

    def __str__(self) -> str:
        return (
            f"{self.scenario}: {self.faults} faults, {self.sessions} sessions, {self.refreshes} refreshes, "
            f"{self.repeated} repeated; thefts {self.thefts}, detected {self.detected}; "
            f"lost {self.lost}, false logouts {self.false_logouts}, forks {self.forks}"
        )

    def check(self) -> None:
        """Require that nothing was lost, forked or unexpected, and that each theft was detected."""
        assert self.unexpected == (), f"unexpected answers: {self.unexpected[:5]}"
        assert (self.lost, self.false_logouts, self.forks) == (0, 0, 0), f"{self} {self.reasons}"
        assert self.detected == self.thefts > 0, str(self)
        assert self.refreshes > 0


class Load:
    """Profiles that refresh until the load stops."""

    def __init__(self, port: int, *, profiles: int = 6, victims: int = 6) -> None:
        self.faults = 0
        self._port = port
        self._honest = [self._profile(number) for number in range(profiles)]
        self._victims = [self._profile(100 + number) for number in range(victims)]
        self._unused = list(self._victims)
        self._thefts: list[tuple[Theft, asyncio.Task[None], bool]] = []
        self._tabs: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def __aenter__(self) -> Self:
        connection = RawConnection(self._port)
        for profile in (*self._honest, *self._victims):
            await profile.sign_in(connection, "ann@example.com")
        connection.close()
        for number, profile in enumerate(self._honest):
            self._tabs += [asyncio.create_task(self._browse(profile)) for _ in range(1 + number % 2)]
        self._tabs += [asyncio.create_task(self._browse(profile)) for profile in self._victims]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._tabs, *(task for _, task, _ in self._thefts)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def progress(self, count: int = 10) -> None:
        """Wait until each session that has not ended got `count` more definite answers."""
        goals = [(profile, len(profile.definite) + count) for profile in (*self._honest, *self._victims)]
        async with patience():
            for profile, goal in goals:
                while len(profile.definite) < goal and not profile.is_over:
                    self._raise_failures()
                    await pause()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the load run until `condition()` is true."""
        async with patience():
            while not condition():
                self._raise_failures()
                await pause()

    @property
    def repeated(self) -> int:
        """The number of refreshes without a definite answer so far."""
        return sum(profile.repeated for profile in (*self._honest, *self._victims))

    def steal(self, stolen: Stolen | None = None, *, strict: bool = True) -> None:
        """Start a theft now.

        `strict=False` is for a theft during which writes are lost: if the store lost the use by one holder, the
        conflict is detected at the next use and not at this one.
        """
        if not self._unused:
            raise AssertionError("the load has no more victims")
        theft = Theft(self._unused.pop(), stolen or random.choice(list(Stolen)))
        self._thefts.append((theft, asyncio.create_task(theft.commit()), strict))

    async def committed(self) -> None:
        """Wait until all thefts so far are committed."""
        async with patience():
            await asyncio.gather(*(task for _, task, _ in self._thefts))

    async def verdict(self, scenario: str) -> Verdict:
        """Stop, then check every session and both holders of each stolen one."""
        await self.committed()
        self._is_stopping = True
        async with patience():
            await asyncio.gather(*self._tabs)
        detected = [await theft.settle() and (theft.is_detected or not strict) for theft, _, strict in self._thefts]
        stolen = {id(theft.victim) for theft, _, _ in self._thefts}
        kept = [profile for profile in (*self._honest, *self._victims) if id(profile) not in stolen]
        lost = sum([not await self._lives(profile) and not profile.is_over for profile in kept])
        reasons = tuple(profile.reason for profile in kept if profile.is_over)
        forks = sum(len(same) > 1 for profile in kept for same in profile.identities.values())
        forks += sum([await self._forks(profile) for profile in kept[:4] if not profile.is_over])
        everybody = [*self._honest, *self._victims, *(theft.thief for theft, _, _ in self._thefts)]
        return Verdict(
            scenario=scenario,
            sessions=len(self._honest) + len(self._victims),
            refreshes=sum(profile.renewed for profile in everybody),
            repeated=sum(profile.repeated for profile in everybody),
            faults=self.faults,
            thefts=len(detected),
            detected=sum(detected),
            lost=lost,
            false_logouts=len(reasons),
            forks=forks,
            unexpected=tuple(said for profile in everybody for said in profile.unexpected),
            reasons=reasons,
        )

    async def _browse(self, profile: Profile) -> None:
        """One tab: refresh until the load stops or the session ends."""
        connection = RawConnection(self._port)
        try:
            while not (self._is_stopping or profile.is_over):
                if profile.is_far_ahead:
                    await pause()
                    continue
                outcome = await profile.refresh(connection)
                await (pause() if outcome is Outcome.NOTHING else asyncio.sleep(random.uniform(0, 0.004)))
        finally:
            connection.close()

    async def _lives(self, profile: Profile) -> bool:
        """Whether the session can be refreshed, as its client would do it."""
        connection = RawConnection(self._port)
        try:
            with contextlib.suppress(TimeoutError):
                async with patience():
                    for _ in range(20):
                        if await profile.refresh_until_answered(connection) is Outcome.RENEWED:
                            return True
            return False
        finally:
            connection.close()

    async def _forks(self, profile: Profile) -> bool:
        """Use an old branch at the very end. Returns whether more than one branch, or the wrong one, is live (P3)."""
        connection = RawConnection(self._port)
        try:
            stale = profile.copied(key=b"other" * 6)
            await profile.refresh_until_answered(connection)
            old = await stale.refresh_until_answered(connection)
            new = await profile.refresh_until_answered(connection)
            return (old, new) != (Outcome.ENDED, Outcome.ENDED)
        finally:
            connection.close()

    def _profile(self, number: int) -> Profile:
        return Profile(self._port, key=number.to_bytes(32, "big"))

    def _raise_failures(self) -> None:
        for task in (*self._tabs, *(task for _, task, _ in self._thefts)):
            if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
                raise failure
