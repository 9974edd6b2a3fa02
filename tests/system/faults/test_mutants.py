"""The suite notices wrong programs, in the server or in the guards, and its verdict says what is wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.system.faults.harness import Guards, Server, serving, under_load
from tests.system.faults.load import Verdict
from tests.system.faults.mutants import MUTANTS
from tests.system.faults.scenario import Stage, add_play

NOTICED: dict[str, set[str]] = {}
"""For each mutant what the suite must report at least."""
TRIES = 5


def notices(
    mutant: str, *found: str, in_guards: bool = False
) -> Callable[[Callable[[], None]], Callable[..., Awaitable[None]]]:
    """Make a test: a short scenario with this mutant must come out with these faults."""
    NOTICED[mutant] = set(found)

    async def once(folder: Path) -> Verdict:
        folder.mkdir()
        store = "sqlite:///gate.db"
        async with serving(Server(folder, store, mutant="" if in_guards else mutant)) as server:
            guards = Guards(folder, server, mutant=mutant if in_guards else "")
            async with under_load(server, guards, rounds=1) as load:
                load.steal()
                await load.progress()
                await server.kill()  # answers are lost, so requests are sent again
                await server.start()
                load.steal()
                await load.progress()
                return replace(await load.verdict(), scenario=f"mutant: {mutant}")

    async def play(folder: Path) -> Verdict:
        """The verdict that reports it, or the last: a guard that the machine starves reports nothing in its time."""
        for number in range(TRIES):
            verdict = await once(folder / f"{number}")
            if NOTICED[mutant] <= set(verdict.faults_found):
                break
        return verdict

    async def test(stage: Stage) -> None:
        verdict = await stage.verdict(name)
        assert NOTICED[mutant] <= set(verdict.faults_found), str(verdict)

    name = f"test_the_suite_notices_{mutant.replace(' ', '_')}"
    return lambda _: add_play(name, f"mutant: {mutant}", play)(test)


@notices("nothing repeats", "false logouts")
def test_the_suite_notices_nothing_repeats() -> None: ...


@pytest.mark.full
@notices("no reuse", "not foiled")
def test_the_suite_notices_no_reuse() -> None: ...


@pytest.mark.full
@notices("random successor", "forks")
def test_the_suite_notices_random_successor() -> None: ...


@pytest.mark.full
@notices("no proof", "not foiled")
def test_the_suite_notices_no_proof() -> None: ...


@notices("guards not told", "stale", "unheard", in_guards=True)
def test_the_suite_notices_guards_not_told() -> None: ...


@pytest.mark.full
@notices("guards forget", "stale", in_guards=True)
def test_the_suite_notices_guards_forget() -> None: ...


@notices("revoke skipped", "revived")
def test_the_suite_notices_revoke_skipped() -> None: ...


def test_each_mutant_has_its_test() -> None:
    assert set(NOTICED) == set(MUTANTS)
