"""How long the next sign-in attempt must wait after failures (NIST SP 800-63B-4 §3.2.2).

A few failures cost nothing, since people mistype; each further one doubles the wait. The wait is bounded and applies to
sign-in alone, so it is no weapon against the sessions that an account already has.
"""

from dataclasses import dataclass

from gatepass.core.policy import DAY, MINUTE

YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Throttle:
    """`free` failures without a wait, then 1, 2, 4 … seconds, at most `longest`; reset `memory` seconds after the last.

    With `first` the waits begin at that many seconds instead of at one.
    """

    free: int
    longest: int
    memory: int = DAY
    first: int = 1

    def wait(self, failures: int, *, last_at: int, now: int) -> int:
        """Seconds until an attempt may be made; 0 for at once. After a clock was set back there is no wait."""
        if failures < self.free or not 0 <= now - last_at < self.memory:
            return 0
        # 2^20 s is beyond any `longest`: the bound keeps the power from growing with the count.
        delay = min(self.longest, self.first << min(failures - self.free, 20))
        return max(0, last_at + delay - now)


PER_ACCOUNT = Throttle(free=5, longest=15 * MINUTE)
LIFETIME = Throttle(free=80, longest=YEAR, memory=YEAR, first=YEAR)
"""The hard stop: in effect, only recovery makes the password usable again."""
LIFETIME_PER_DEVICE = Throttle(free=20, longest=YEAR, memory=YEAR, first=YEAR)
"""The same for a known device. Both together are the hundred that NIST allows."""
PER_ADDRESS = Throttle(free=50, longest=MINUTE)
"""Wider: a school or an office shares one address."""
