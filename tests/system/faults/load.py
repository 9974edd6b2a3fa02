"""Browsers that refresh without a pause, thefts and ends among them, and the zeros that must come out at the end.

    async with Load(port, watch) as load:           # all signed in and refreshing
        await load.progress()                       # each session got a few answers
        ...break something...
        await load.progress()                       # and again: the service is back
        verdict = await load.verdict("what was broken")

A profile is one session with one or two tabs. Victims of a theft have one tab; every second one keeps no key, and its
session ends when the thief is noticed. All others must live, however they were copied.
Every theft comes with one session for each way in which a session can end (`leaving.py`), and the guards are asked
about all of them (`watch.py`).
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.full import FULL
from tests.system.faults.browser_profile import Outcome, Profile, pause
from tests.system.faults.leaving import THEFT, How, Leaver
from tests.system.faults.raw_http import RawConnection
from tests.system.faults.theft import Stolen, Theft
from tests.system.faults.watch import Watch
from tools.services.patience import PATIENCE

PACE = 0.01
"""Least seconds between two refreshes of a tab, on average. It pauses for as long as the last one took: on a machine
that starves the server, the requests that end sessions find it half idle, and are not always too late."""
MAX_PAUSE = 2.0
"""Seconds that a tab waits so at most, on average: a refresh may have waited for a path that was stalled."""
CALM = 0.5 if FULL else 1.5
"""The same while nothing is waited for but the guards, which is most of the time: the life of a token, twice."""
PROFILES = 6 if FULL else 4
"""Sessions that refresh and that must live; every second one has two tabs."""
REPEAT_EVERY = 4
"""Refreshes of a single tab after which one arrives twice."""
OF_BOUND = (Stolen.JAR, Stolen.JAR_KEYLESS, Stolen.REQUEST)
_loads = itertools.count()
"""The first theft of a bound session is of another kind in each of three scenarios."""
PREPARED = 3
"""How many sessions of each kind are signed in before the faults."""


def patience() -> asyncio.Timeout:
    """That of other tests, thrice: a step here is one of each session, and several scenarios are played at once."""
    return asyncio.timeout(3 * PATIENCE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a scenario; `str()` is the line that is printed and recorded."""

    scenario: str
    sessions: int
    refreshes: int
    repeated: int
    faults: int
    thefts: int
    foiled: int
    """Thefts that brought nothing, or ended the session where it was unbound."""
    lost: int
    false_logouts: int
    forks: int
    revived: str
    """Sessions that can be refreshed although their end was acknowledged, by the way in which they ended."""
    ended: int
    """Tokens of ended sessions that the guards were asked about."""
    stale: str
    """Guards that admitted such tokens later than their bound, and how many."""
    forgotten: str
    """Guards that admitted such tokens after they had refused them."""
    wronged: str
    """Guards that refused living sessions as revoked."""
    unheard: tuple[tuple[str, str], ...]
    """(guard, kind of end): of no end of that kind has the guard heard, though the faults are over."""
    admitted: int
    """How often a guard admitted a living session: if never, the guards prove nothing."""
    unexpected: tuple[str, ...]
    reasons: tuple[str, ...]
    """The reasons of the sessions that ended and should not have."""

    def __str__(self) -> str:
        return (
            f"{self.scenario}: {self.faults} faults, {self.sessions} sessions, {self.refreshes} refreshes, "
            f"{self.repeated} repeated; thefts {self.thefts}, foiled {self.foiled}; "
            f"lost {self.lost}, false logouts {self.false_logouts}, forks {self.forks}, revived {self.revived or 0}; "
            f"ended tokens {self.ended}: stale {self.stale or 0}, forgotten {self.forgotten or 0}, "
            f"living refused {self.wronged or 0}, unheard {len(self.unheard)}; unexpected {len(self.unexpected)}"
        )

    @property
    def faults_found(self) -> tuple[str, ...]:
        """What is wrong, one name for each kind of it."""
        found = {
            "unexpected": self.unexpected,
            "lost": self.lost,
            "false logouts": self.false_logouts,
            "forks": self.forks,
            "not foiled": self.thefts - self.foiled,
            "revived": self.revived,
            "stale": self.stale,
            "forgotten": self.forgotten,
            "living refused": self.wronged,
            "unheard": self.unheard,
        }
        return tuple(name for name, count in found.items() if count)

    def check(self) -> None:
        """Require that all is zero that must be, and that there was something to find."""
        details = f"{self}\n{self.unexpected[:5]} {self.reasons} {self.unheard}"
        assert self.faults_found == (), f"{self.faults_found}: {details}"
        assert min(self.thefts, self.refreshes, self.ended, self.admitted) > 0, details


class Load:
    """Profiles that refresh until the load stops."""

    def __init__(
        self,
        port: int,
        watch: Watch,
        *,
        profiles: int = PROFILES,
        victims: int = 6,
        ends_at: int | None = None,
        hows: Sequence[How] = tuple(How),
        rounds: int | None = None,
    ) -> None:
        """`ends_at`: the port of the server that is asked to end sessions, if it is another one.

        `rounds` of ends after the faults until each guard has heard of each kind of end. One is enough if nothing is
        wrong and the machine is fast; None: as many as there is patience for.
        """
        self.faults = 0
        self.watch = watch
        self.remarks: list[str] = []
        """What a scenario itself has seen to go wrong."""
        self._port = port
        self._ends_at = ends_at or port
        self._hows = hows
        self._rounds = rounds
        self._kinds = itertools.islice(itertools.cycle(OF_BOUND), next(_loads) % len(OF_BOUND), None)
        self._names = itertools.count()
        self._ready = [self._leavers() for _ in range(PREPARED)]
        self._left: list[Leaver] = []
        self._leaving: list[asyncio.Task[None]] = []
        self._honest = [self._profile(number) for number in range(profiles)]
        self._victims = [self._profile(100 + number, is_bound=number % 2 == 0) for number in range(victims)]
        self._unused = list(self._victims)
        self._thefts: list[tuple[Theft, asyncio.Task[None], bool]] = []
        self._tabs: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._hurry = asyncio.Event()
        self._hurry.set()

    async def __aenter__(self) -> Self:
        connection = RawConnection(self._port)
        for profile in (*self._honest, *self._victims):
            await profile.sign_in(connection, "ann@example.com")
        for leaver in itertools.chain.from_iterable(self._ready):
            await leaver.sign_in(connection)
        connection.close()
        self.watch.living = lambda: [each.access for each in self._honest if each.access and not each.is_over]
        for number, profile in enumerate(self._honest):
            tabs = 1 + number % 2
            self._tabs += [asyncio.create_task(self._browse(profile, repeats=tabs == 1)) for _ in range(tabs)]
        self._tabs += [asyncio.create_task(self._browse(profile)) for profile in self._victims]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.living = tuple
        tasks = [*self._tabs, *self._leaving, *(task for _, task, _ in self._thefts)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def progress(self, count: int = 10, *, but: Collection[Profile] = ()) -> None:
        """Wait until each session that has not ended got `count` more definite answers, `but` some."""
        everybody = [profile for profile in (*self._honest, *self._victims) if profile not in but]
        goals = [(profile, len(profile.definite) + count) for profile in everybody]
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

    async def outlive(self) -> None:
        """Wait until the access tokens of all that has ended have expired; the load goes on, but slowly."""
        self._hurry.clear()
        await self.watch.finish()
        self._hurry.set()

    async def flood(self, count: int) -> None:
        """Send old requests again on connections of their own, as many at once, and wait until all are answered."""
        recorded = [profile.recorded for profile in self._honest if profile.recorded]

        async def repeat(request: bytes) -> None:
            connection = RawConnection(self._port)
            await connection.send(request)
            connection.close()

        await asyncio.gather(*(repeat(recorded[number % len(recorded)]) for number in range(count)))

    @property
    def honest(self) -> Sequence[Profile]:
        """The sessions that are neither stolen nor ended."""
        return self._honest

    @property
    def prepared(self) -> Sequence[Leaver]:
        """Those that the next call of `leave` lets go."""
        return self._ready[-1]

    async def renew(self) -> None:
        """Give new access tokens to those that the next call of `leave` lets go."""
        connection = RawConnection(self._port)
        for leaver in self.prepared:
            await leaver.renew(connection)
        connection.close()

    async def tried(self, leavers: Sequence[Leaver], times: int = 2) -> Sequence[Leaver]:
        """Wait until each of these ends is acknowledged or was tried so often. Returns those that were refused."""
        await self.until(lambda: all(leaver.is_acknowledged or leaver.tries >= times for leaver in leavers))
        return [leaver for leaver in leavers if leaver.is_refused and not leaver.is_acknowledged]

    @property
    def repeated(self) -> int:
        """The number of refreshes without a definite answer so far."""
        return sum(profile.repeated for profile in (*self._honest, *self._victims))

    def steal(self, *, strict: bool = True) -> None:
        """Start a theft now, and end sessions in each way.

        `strict=False` is for a moment whose writes will be lost: if the store lost the use by one holder, the conflict
        is detected at the next use and not at this one. Nothing else ends then, since that would be lost too.
        """
        if not self._unused:
            raise AssertionError("the load has no more victims")
        victim = self._unused.pop()
        theft = Theft(victim, next(self._kinds) if victim.key else Stolen.UNBOUND)
        self._thefts.append((theft, asyncio.create_task(self._commit(theft, strict=strict)), strict))
        if strict and self._ready:
            self.leave()

    def leave(self) -> "list[Leaver]":
        """Start to end one prepared session in each way. Returns those that leave."""
        leavers = self._ready.pop()
        self._left += leavers
        self._leaving += [asyncio.create_task(self._end(leaver)) for leaver in leavers]
        return leavers

    async def committed(self) -> None:
        """Wait until all thefts so far are committed, and all ends acknowledged."""
        async with patience():
            while not all(task.done() for task in (*self._leaving, *(task for _, task, _ in self._thefts))):
                await pause()
            await asyncio.gather(*self._leaving, *(task for _, task, _ in self._thefts))

    async def verdict(self) -> Verdict:
        """End some more sessions, stop, then check every session and both holders of each stolen one."""
        await self.committed()
        await self._leave_until_heard()
        self._is_stopping = True
        self._hurry.set()
        async with patience():
            await asyncio.gather(*self._tabs)
        watch = self.watch
        foiled = [await theft.settle() and (theft.is_foiled or not strict) for theft, _, strict in self._thefts]
        stolen = {id(theft.victim) for theft, _, _ in self._thefts if not theft.is_survived}
        kept = [profile for profile in (*self._honest, *self._victims) if id(profile) not in stolen]
        lost = sum([not await self._lives(profile) and not profile.is_over for profile in kept])
        reasons = tuple(profile.reason for profile in kept if profile.is_over)
        watch.living = tuple  # what follows ends them
        forks = sum(len(same) > 1 for profile in kept if profile.key for same in profile.identities.values())
        forks += sum([await self._forks(profile) for profile in kept[:4] if not profile.is_over])
        revived = await self._revived()
        await watch.finish()
        everybody = [*self._honest, *self._victims, *(theft.thief for theft, _, _ in self._thefts)]
        leaving = [profile for leaver in self._left for profile in leaver.ending]
        unexpected = [*(said for profile in (*everybody, *leaving) for said in profile.unexpected)]
        return Verdict(
            scenario="",
            sessions=len(self._honest) + len(self._victims) + len(leaving),
            refreshes=sum(profile.renewed for profile in everybody),
            repeated=sum(profile.repeated for profile in everybody),
            faults=self.faults,
            thefts=len(foiled),
            foiled=sum(foiled),
            lost=lost,
            false_logouts=len(reasons),
            forks=forks,
            revived=_counted(revived),
            ended=len(watch.ended),
            stale=_counted(watch.stale),
            forgotten=_counted(watch.forgotten),
            wronged=_counted(watch.refused),
            unheard=tuple(sorted(watch.unheard([how.value for how in self._hows]))),
            admitted=sum(watch.admitted.values()),
            unexpected=(*self.remarks, *unexpected, *(said for leaver in self._left for said in leaver.unexpected)),
            reasons=reasons,
        )

    async def _leave_until_heard(self) -> None:
        """End sessions in each way until every guard has heard of each: the faults are over.

        A process that the machine starves for longer than a token lives hears of the next ends.
        """
        connection = RawConnection(self._port)
        self._hurry.clear()
        hows = [how.value for how in self._hows]
        end = time.monotonic() + PATIENCE
        for number in itertools.count(1):
            if not self._ready:
                self._ready.append(self._leavers())
                async with patience():
                    for leaver in self._ready[-1]:
                        await leaver.sign_in(connection)
            self.leave()
            await self.committed()
            last = self.watch.ended[-len(hows) :]
            while self.watch.unheard(hows) and any(time.time() < ended.expires_at for ended in last):
                await pause()
            is_last = number == self._rounds or time.monotonic() > end
            if is_last or not self.watch.unheard(hows):
                break
        connection.close()

    async def _commit(self, theft: Theft, *, strict: bool) -> None:
        await theft.commit()
        if strict and theft.is_foiled and not theft.is_survived:
            for holder in (theft.victim, theft.thief):
                self.watch.end(holder.access, THEFT)

    async def _end(self, leaver: Leaver) -> None:
        await leaver.leave(self._ends_at)
        for profile in leaver.ending:
            self.watch.end(profile.access, leaver.how.value)

    async def _revived(self) -> Counter[str]:
        connection = RawConnection(self._port)
        found: Counter[str] = Counter()
        try:
            for leaver in self._left:
                found[leaver.how.value] += await leaver.live_on(connection)
        finally:
            connection.close()
        return found

    def _leavers(self) -> list[Leaver]:
        found = []
        for how in self._hows:
            number = next(self._names)
            profiles = [self._profile(1_000 + 2 * number + each) for each in range(2)]
            found.append(Leaver(how, email=f"leaver{number}@example.com", profiles=profiles))
        return found

    async def _browse(self, profile: Profile, *, repeats: bool = False) -> None:
        """One tab: refresh until the load stops or the session ends. `repeats`: some requests arrive twice."""
        connection = RawConnection(self._port)
        try:
            while not (self._is_stopping or profile.is_over):
                began = time.monotonic()
                outcome = await profile.refresh(connection)
                took = time.monotonic() - began
                if repeats and outcome is Outcome.RENEWED and profile.renewed % REPEAT_EVERY == 0:
                    await profile.repeat(connection)
                if outcome is Outcome.NOTHING:
                    await pause()
                elif self._hurry.is_set():
                    await asyncio.sleep(random.uniform(0, 2 * max(PACE, min(took, MAX_PAUSE))))
                else:
                    await self._rest(random.uniform(0, 2 * CALM))
        finally:
            connection.close()

    async def _rest(self, seconds: float) -> None:
        """Sleep, but not longer than the load is calm."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

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
        """Use the jar of before at the very end. Returns whether it leads anywhere but to the one line (P3)."""
        connection = RawConnection(self._port)
        try:
            tab = profile.copied(key=profile.key)
            await profile.refresh_until_answered(connection)
            old = await tab.refresh_until_answered(connection)
            return old not in (Outcome.RENEWED, Outcome.SUPERSEDED) or tab.jar_token != profile.jar_token
        finally:
            connection.close()

    def _profile(self, number: int, *, is_bound: bool = True) -> Profile:
        return Profile(self._port, key=number.to_bytes(32, "big") if is_bound else None)

    def _raise_failures(self) -> None:
        for task in (*self._tabs, *self._leaving, *(task for _, task, _ in self._thefts)):
            if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
                raise failure


def _counted(found: Counter[str]) -> str:
    """`2 at polling, 1 at event stream`; nothing if all is well."""
    return ", ".join(f"{count} at {where}" for where, count in sorted(found.items()) if count)
