"""Scenarios as tests: each has its own verdict, and several run at the same time, since most of their time is waiting.

    @scenario("PostgreSQL killed")
    async def test_nothing_is_lost_when_postgres_is_killed(folder: Path) -> Verdict: ...

A guard is asked for the whole life of a token, so that a scenario waits for seconds at its end. The stage begins the
selected scenarios in order, a few at once, and each test takes the verdict of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.system.faults.load import Verdict
from tools.services.patience import PATIENCE

AT_ONCE = 4
"""Scenarios at the same time. Each needs the processor for a quarter of its time, and other tests run beside them."""
Play = Callable[[Path], Awaitable[Verdict]]
Record = Callable[[str, object], None]
SCENARIOS: dict[str, "tuple[str, Play]"] = {}
"""By the name of the test: title and play."""


class Stage:
    """Runs plays, a few at once, in the order in which they are given."""

    def __init__(self, plays: Mapping[str, Play], folder: Path) -> None:
        """`folder` is for the files of the plays, one folder for each."""
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks = {
            name: asyncio.create_task(self._run(play, folder / f"{number}"))
            for number, (name, play) in enumerate(plays.items())
        }

    async def verdict(self, name: str) -> Verdict:
        """The verdict of a play, when it is there."""
        return await self._tasks[name]

    async def close(self) -> None:
        """End the plays that still run."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, play: Play, folder: Path) -> Verdict:
        async with self._turns:
            folder.mkdir()
            return await play(folder)


def scenario(title: str) -> Callable[[Play], Callable[..., Awaitable[None]]]:
    """Make a test of a play: it fails if the verdict on it is not clean."""

    def decorate(play: Play) -> Callable[..., Awaitable[None]]:
        async def titled(folder: Path) -> Verdict:
            return replace(await play(folder), scenario=title)

        name = play.__name__

        async def test(stage: Stage, record_property: Record) -> None:
            verdict = await stage.verdict(name)
            record_property("faults", str(verdict))
            verdict.check()

        return add_play(name, title, titled)(test)

    return decorate


def add_play(
    name: str, title: str, play: Play
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Let the stage run `play` for the test of this name, which takes the verdict as it likes."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        assert name not in SCENARIOS, name
        SCENARIOS[name] = (title, play)
        test.__name__ = name
        patient = pytest.mark.timeout(12 * PATIENCE)  # it waits for its turn and for several steps (load.py)
        return pytest.mark.asyncio(loop_scope="session")(patient(test))

    return decorate
