"""How often something may be done: a rate, and a bounded table of how much of it each key has used.

One whole number for each key: the second at which its bucket would be full again (the "virtual scheduling" form of the
token bucket, GCRA). A key that is not there has a full bucket, so forgetting one is always in the caller's favour, and
a flood of invented keys costs a bounded amount of memory. No clock: times come in, as whole Unix seconds.
"""

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Self

from gatepass.core.policy import DAY, HOUR, MINUTE

_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}
MAX_KEYS = 50_000
"""Against what: about 10 MB of a process."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` at once, and then as many again in each `seconds`. A count of 0 is no limit at all."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`300/1h`, `5/30s`; `off` for no limit. Raises ValueError with what it should look like."""
        if text.strip() == "off":
            return cls(0, 1)
        match = re.fullmatch(r"\s*([1-9][0-9]{0,8})/([1-9][0-9]{0,5})([smhd])\s*", text, re.ASCII)
        if match is None:
            raise ValueError("a rate is a number, a slash and a duration, such as 300/1h; or off")
        return cls(int(match[1]), int(match[2]) * _UNITS[match[3]])

    def __str__(self) -> str:
        return f"{self.count}/{self.seconds}s" if self.count else "off"


class Buckets:
    """How much of one rate each key has used."""

    __slots__ = ("_every", "_full_at", "_max_keys", "_span", "rate")

    def __init__(self, rate: Rate, *, max_keys: int = MAX_KEYS) -> None:
        """At most `max_keys` keys are remembered; the one that was used longest ago is dropped first."""
        self.rate = rate
        self._max_keys = max_keys
        self._span = float(rate.seconds)
        self._every = rate.seconds / rate.count if rate.count else 0.0
        self._full_at: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, now: int) -> int:
        """Use one. 0 if there was one, else the whole seconds until there is; then nothing was used."""
        if not self._every:
            return 0
        table = self._full_at
        full_at = table.pop(key, 0.0)
        # Emptier than empty means that the clock was set back: no caller must wait for that.
        if full_at < now or full_at > now + self._span + self._every:
            full_at = float(now)
        after = full_at + self._every
        missing = after - now - self._span
        # The rounding error of many small additions must not cost a second.
        if missing > 1e-6:
            table[key] = full_at
            return max(1, math.ceil(missing))
        table[key] = after
        if len(table) > self._max_keys:
            del table[next(iter(table))]
        return 0
