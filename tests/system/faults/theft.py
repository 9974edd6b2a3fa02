"""Thieves: each copies the jar of a victim at a known moment and uses it, while the victim goes on as before.

P2 for all of them: a copy of a bound session's jar is worthless, and a recorded request brings nothing that can be
used; the victim goes on. Of an unbound session: once both holders have used what both hold, it ends for both.
"""

from enum import Enum

from tests.system.faults.browser_profile import Outcome, Profile, pause
from tests.system.faults.raw_http import RawConnection
from tools.services.patience import patience

TRIES = 3
"""How often a thief uses what he has."""


class Stolen(Enum):
    """What the thief has copied."""

    JAR = "the jar, and a key of his own"
    JAR_KEYLESS = "the jar, and no key"
    REQUEST = "one recorded request, which he sends again, and then the successor"
    UNBOUND = "the jar of a client that keeps no key"


class Theft:
    """One copied session and its two holders. Call `commit` once, under load."""

    def __init__(self, victim: Profile, stolen: Stolen) -> None:
        self.victim = victim
        self.stolen = stolen
        self.is_foiled = False
        """As P2 requires: nothing gained, or detected at the latest when both have used it."""
        self.thief = victim.copied(key=b"thief" * 6 if stolen in (Stolen.JAR, Stolen.REQUEST) else None)

    @property
    def is_survived(self) -> bool:
        """Whether the victim must go on as if nothing had happened."""
        return self.stolen is not Stolen.UNBOUND

    async def commit(self) -> None:
        """Use the copy, and record whether it brought nothing, or was detected."""
        connection = RawConnection(self.victim.port)
        try:
            if self.stolen is Stolen.UNBOUND:
                await self._share(connection)
                return
            if self.stolen is Stolen.REQUEST:
                await self._replay(connection)
            outcomes = [await self.thief.refresh_until_answered(connection) for _ in range(TRIES)]
            self.is_foiled = set(outcomes) == {Outcome.UNPROVEN}
        finally:
            connection.close()

    async def settle(self) -> bool:
        """Whether the thief is refused for good, and where the session was unbound its victim too."""
        holders = [self.thief] if self.is_survived else [self.victim, self.thief]
        refused = Outcome.UNPROVEN if self.is_survived else Outcome.ENDED
        connection = RawConnection(self.victim.port)
        try:
            return {await holder.refresh_until_answered(connection) for holder in holders} == {refused}
        finally:
            connection.close()

    async def _share(self, connection: RawConnection) -> None:
        """Use the copy until one of both is refused, which happens when both have used what both hold.

        A thief who lost a race within the leeway is told to wait, so it may take that long.
        """
        seen = self.victim.renewed
        async with patience():
            while not (self.thief.is_over or self.victim.is_over):
                if min(self.thief.renewed, self.victim.renewed - seen) > TRIES:
                    return
                await self.thief.refresh_until_answered(connection)
                await pause()
        self.is_foiled = True

    async def _replay(self, connection: RawConnection) -> None:
        """Send the recorded request until it is answered: the answer contains the successor."""
        while not self.victim.recorded:
            await pause()
        request = self.victim.recorded
        while self.thief.take_answer(await connection.send(request)) is Outcome.NOTHING:
            await pause()
