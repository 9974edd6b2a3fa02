"""How long the next sign-in attempt must wait after failures (NIST SP 800-63B-4 §3.2.2).

A few failures cost nothing, since people mistype; each further one doubles the wait. The wait is bounded and applies to
sign-in alone, so it is no weapon against the sessions that an account already has.
"""

from dataclasses import dataclass

from gatepass.core.policy import DAY, MINUTE

YEAR = 365 * DAY
MAX_SKEW = 5
"""Seconds by which the clocks of servers may differ, as when tokens are verified. A failure that one of them counts
must make wait at the others too; but the wait is longer by so much then, so it is no more."""


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
        passed = age(last_at, now)
        if failures < self.free or passed is None or passed >= self.memory:
            return 0
        # 2^20 s is beyond any `longest`: the bound keeps the power from growing with the count.
        delay = min(self.longest, self.first << min(failures - self.free, 20))
        return max(0, delay - passed)


def age(at: int, now: int) -> int | None:
    """Seconds since `at`. 0 for what a server wrote whose clock is ahead; None for what is later than that."""
    return max(0, now - at) if at - now <= MAX_SKEW else None


PER_GUESSER = Throttle(free=5, longest=15 * MINUTE)
"""Failures of one network, or of one known device, at one account."""
PER_ACCOUNT = Throttle(free=20, longest=15 * MINUTE)
"""Failures of all strange networks together at one account: a guesser with many networks gets four times as many."""
PER_NETWORK = Throttle(free=50, longest=MINUTE)
"""Accounts at which one network failed. Wide: a school or an office shares one address."""


def _hard_stop(free: int) -> Throttle:
    """In effect, only recovery makes the password usable again."""
    return Throttle(free, longest=YEAR, memory=YEAR, first=YEAR)


LIFETIME = _hard_stop(80)
"""Failures in a row at one account, by all callers together, after which strangers are refused."""
LIFETIME_OF_NETWORKS = _hard_stop(90)
"""After which the networks of the account's live sessions are refused too: strangers leave them ten."""
LIFETIME_OF_DEVICES = _hard_stop(100)
"""After which known devices are refused too: the hundred that NIST allows, with ten that no network can use up."""
