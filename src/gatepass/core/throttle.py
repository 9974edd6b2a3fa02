"""How long the next sign-in attempt must wait after failures (NIST SP 800-63B-4 §3.2.2).

A few failures cost nothing, people mistype; then each one doubles the wait. The wait is bounded and touches
sign-in alone, so it is no weapon against the sessions that an account already has.
"""

from dataclasses import dataclass

from gatepass.core.policy import DAY, MINUTE

YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Throttle:
    """`free` failures without a wait, then 1, 2, 4 … seconds, at most `longest`; forgotten after `memory`.

    With `first` the waits begin there, instead of at one second.
    """

    free: int
    longest: int
    memory: int = DAY
    first: int = 1

    def wait(self, failures: int, *, last_at: int, now: int) -> int:
        """Seconds until an attempt may be made; 0 for at once. A clock that was set back waits no longer."""
        if failures < self.free or not 0 <= now - last_at < self.memory:
            return 0
        # 2^20 s is beyond any `longest`: the bound keeps the power from growing with the count.
        delay = min(self.longest, self.first << min(failures - self.free, 20))
        return max(0, last_at + delay - now)


PER_ACCOUNT = Throttle(free=5, longest=15 * MINUTE)
EVER = Throttle(free=80, longest=YEAR, memory=YEAR, first=YEAR)
"""The hard stop: in effect only recovery opens the account to its password again."""
LIFETIME_PER_DEVICE = Throttle(free=20, longest=YEAR, memory=YEAR, first=YEAR)
"""The same for a known device: both together are the hundred that NIST allows."""
PER_ADDRESS = Throttle(free=50, longest=MINUTE)
"""Wider: a school or an office sits behind one address."""
