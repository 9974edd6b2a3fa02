"""Thieves: each copies a victim's jar at a known moment and uses it, while the victim goes on as if nothing were.

P2 in one sentence for all of them: once both holders have used what both hold, one of the two was told that the
session is over, and it is over for both.
"""

from enum import Enum

from tests.system.faults.browser_profile import Profile, Told, pause
from tests.system.faults.raw_http import Wire


class Loot(Enum):
    """What the thief has."""

    JAR = "the jar, and a key of his own"
    JAR_KEYLESS = "the jar, and no key"
    REQUEST = "one recorded request, which he sends again, and then the successor"


class Theft:
    """One copied session and its two holders. Call `commit` once, under load."""

    def __init__(self, victim: Profile, loot: Loot) -> None:
        self.victim = victim
        self.loot = loot
        self.is_detected = False
        """Within P2: no later than the second holder's first use."""
        self.thief = victim.copied(key=None if loot is Loot.JAR_KEYLESS else b"thief" * 6)

    async def commit(self) -> None:
        """Steal, use it, and see who of the two is told first."""
        wire = Wire(self.victim.port)
        try:
            if self.loot is Loot.REQUEST:
                await self._replay(wire)
            seen = len(self.victim.definite)
            thief = self.thief.definite[-1] if self.thief.is_over else await self.thief.insist(wire)
            victim = await self.victim.told_after(seen)
            self.is_detected = Told.ENDED in (thief, victim)
        finally:
            wire.close()

    async def settle(self) -> bool:
        """Whether both holders are refused for good, after at most a few more uses by each."""
        wire = Wire(self.victim.port)
        try:
            for _ in range(3):
                told = [await holder.insist(wire) for holder in (self.victim, self.thief)]
                if told == [Told.ENDED, Told.ENDED]:
                    return True
            return False
        finally:
            wire.close()

    async def _replay(self, wire: Wire) -> None:
        """Send the recorded request until it is answered; its answer hands the successor over."""
        while not self.victim.recorded:
            await pause()
        request = self.victim.recorded
        while self.thief.hear(await wire.send(request)) is Told.NOTHING:
            await pause()
