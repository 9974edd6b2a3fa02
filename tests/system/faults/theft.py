"""Thieves: each copies the jar of a victim at a known moment and uses it, while the victim goes on as before.

P2 in one sentence for all of them: once both holders have used what both hold, one of the two has got `session-ended`,
and the session has ended for both.
"""

from enum import Enum

from tests.system.faults.browser_profile import Outcome, Profile, pause
from tests.system.faults.raw_http import RawConnection


class Stolen(Enum):
    """What the thief has copied."""

    JAR = "the jar, and a key of his own"
    JAR_KEYLESS = "the jar, and no key"
    REQUEST = "one recorded request, which he sends again, and then the successor"


class Theft:
    """One copied session and its two holders. Call `commit` once, under load."""

    def __init__(self, victim: Profile, stolen: Stolen) -> None:
        self.victim = victim
        self.stolen = stolen
        self.is_detected = False
        """As P2 requires: at the latest at the first use by the second holder."""
        self.thief = victim.copied(key=None if stolen is Stolen.JAR_KEYLESS else b"thief" * 6)

    async def commit(self) -> None:
        """Use the copy, and record whether the theft was detected."""
        connection = RawConnection(self.victim.port)
        try:
            if self.stolen is Stolen.REQUEST:
                await self._replay(connection)
            thief, victim = self.thief, self.victim
            seen = len(victim.definite)
            first = thief.definite[-1] if thief.is_over else await thief.refresh_until_answered(connection)
            second = await victim.outcome_after(seen)
            self.is_detected = Outcome.ENDED in (first, second)
        finally:
            connection.close()

    async def settle(self) -> bool:
        """Whether both holders are refused for good, after a few more uses by each."""
        connection = RawConnection(self.victim.port)
        try:
            for _ in range(3):
                outcomes = [await holder.refresh_until_answered(connection) for holder in (self.victim, self.thief)]
                if outcomes == [Outcome.ENDED, Outcome.ENDED]:
                    return True
            return False
        finally:
            connection.close()

    async def _replay(self, connection: RawConnection) -> None:
        """Send the recorded request until it is answered: the answer contains the successor."""
        while not self.victim.recorded:
            await pause()
        request = self.victim.recorded
        while self.thief.take_answer(await connection.send(request)) is Outcome.NOTHING:
            await pause()
