"""Breadth first, until nothing new is found: every reachable state once, and the shortest trace to a fault."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter

from tests.core.exploration.moves import moves
from tests.core.exploration.promises import Broken, check_state
from tests.core.exploration.server import Rules, Server
from tests.core.exploration.world import Scenario, World, normalise, start

REMEMBERED = 100_000
"""Worlds whose normal form is known: most are reached several times, one soon after the other."""


@dataclass(frozen=True)
class Result:
    """How much there was, and what was wrong with it. A search without a fault has seen everything."""

    scenario: Scenario
    states: int
    moves: int
    seconds: float
    fault: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.scenario.name}: {self.states} states, {self.moves} moves, {self.seconds:.1f} s"
        return "\n  ".join((text, *self.trace, self.fault)) if self.fault else text


def explore(scenario: Scenario, rules: Rules | None = None) -> Result:
    """Search all of a scenario; stops at the first broken promise."""
    server = Server(rules or Rules())
    normal = lru_cache(REMEMBERED)(partial(normalise, scenario=scenario))
    began = perf_counter()
    begin = start(scenario)
    came_from: dict[World, tuple[World, str] | None] = {begin: None}
    frontier = deque([begin])
    count = 0
    while frontier:
        world = frontier.popleft()
        try:
            check_state(world, scenario, server)
            for label, after in moves(world, scenario, server):
                count += 1
                found = normal(after)
                if found not in came_from:
                    came_from[found] = (world, label)
                    frontier.append(found)
        except Broken as fault:
            trace = tuple(reversed(list(_trace(came_from, world))))
            return Result(scenario, len(came_from), count, perf_counter() - began, str(fault), trace)
    return Result(scenario, len(came_from), count, perf_counter() - began)


def _trace(came_from: dict[World, tuple[World, str] | None], world: World) -> Iterator[str]:
    yield f"here: {world}"
    step = came_from[world]
    while step is not None:
        world, label = step
        yield f"{label}      (row {world.row.committed} {world.row.key}, jar {world.jar})"
        step = came_from[world]
