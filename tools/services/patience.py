"""How long a test waits for a fact: so long that no machine is too slow, since no verdict is about speed.

    until(lambda: proxy.count("/auth/refresh") == 1)     in a thread
    await becomes(lambda: len(statuses) == 8)            in an event loop
    async with patience(): ...                           around whatever is awaited

A test is green or red by what happened, how often and in which order. A wait ends when the fact is there. `PATIENCE`
ends a wait for what will never come, so that a defect is a failure and not a run that hangs.
"""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds. Against what: a step of a test takes two at most on a quiet machine, and ten where twenty tasks share it."""
PAUSE, LONGEST_PAUSE = 0.01, 0.1
"""Seconds between two looks: a fifth more each time, since a look into a browser costs a processor 2 ms."""


def until(holds: Callable[[], object], what: str = "it", *, pause: float = PAUSE) -> None:
    """Return once `holds()` is true. Raises TimeoutError, which names `what`, after PATIENCE.

    `pause` is the first one, in seconds: longer where a look costs much, and what is looked for takes long.
    """
    end, longest = time.monotonic() + PATIENCE, max(pause, LONGEST_PAUSE)
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come to pass")
        time.sleep(pause)
        pause = min(pause * 1.2, longest)


async def becomes(holds: Callable[[], object], what: str = "it") -> None:
    """The same in an event loop, which goes on meanwhile."""
    end, pause = time.monotonic() + PATIENCE, PAUSE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come to pass")
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)


def patience() -> asyncio.Timeout:
    """A context that raises TimeoutError if what is awaited inside has not come after PATIENCE."""
    return asyncio.timeout(PATIENCE)
