"""No background task ends unseen: whatever ends one is logged and reported, and it runs again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.supervisor import Alive, Supervisor
from tools.services.patience import becomes


class Worker:
    """A task that ends as a test says: by an error, by itself, or not at all."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = list(ends)
        self.starts = 0
        self.alive: Alive | None = None

    async def run(self, alive: Alive) -> None:
        self.starts += 1
        self.alive = alive
        if self.ends:
            end = self.ends.pop(0)
            if end is not None:
                raise end
            return
        await asyncio.Event().wait()


class Watch:
    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.supervisor = Supervisor(
            failed=lambda name, why: self.told.append(("failed", name, why)),
            recovered=lambda name: self.told.append(("recovered", name)),
        )


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr("gatepass.supervisor.RESTART_INTERVAL", (0.0, 0.0))
    watch = Watch()
    yield watch
    await watch.supervisor.stop()


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (ValueError("odd"), "ValueError"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "MemoryError"),
        (RecursionError(), "RecursionError"),
        (asyncio.CancelledError(), "cancelled"),
        (None, "ended"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_task_that_ends_is_reported_and_runs_again(
    watch: Watch, end: BaseException | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(end)
    watch.supervisor.start("worker", worker.run)
    await becomes(lambda: worker.starts == 2)
    assert watch.told == [("failed", "worker", why)]
    assert [record.levelname for record in caplog.records if "worker" in record.message] == ["ERROR"]


async def test_a_task_is_failing_until_it_says_that_it_works(watch: Watch) -> None:
    worker = Worker(ValueError("odd"))
    watch.supervisor.start("worker", worker.run)
    await becomes(lambda: worker.starts == 2)
    assert watch.supervisor.failing == ["worker"]
    assert worker.alive is not None
    worker.alive()
    assert watch.supervisor.failing == []
    assert watch.told[1:] == [("recovered", "worker")]
    worker.alive()
    assert len(watch.told) == 2


async def test_a_row_of_failures_is_reported_once(watch: Watch) -> None:
    worker = Worker(*[ValueError("odd") for _ in range(5)])
    watch.supervisor.start("worker", worker.run)
    await becomes(lambda: worker.starts == 6)
    assert len(watch.told) == 1


async def test_a_task_that_something_else_cancelled_runs_again(watch: Watch) -> None:
    worker = Worker()
    watch.supervisor.start("worker", worker.run)
    await becomes(lambda: worker.starts == 1)
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "worker")
    task.cancel()
    await becomes(lambda: worker.starts == 2)


def test_the_end_of_an_event_loop_is_no_failure_of_its_tasks() -> None:
    watch, worker = Watch(), Worker()

    async def run() -> None:
        watch.supervisor.start("worker", worker.run)
        await becomes(lambda: worker.starts == 1)

    asyncio.run(run())
    assert (watch.told, worker.starts) == ([], 1)


async def test_restarts_become_rarer_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def noted(delay: float, *rest: object) -> asyncio.TimerHandle:
        delays.append(delay)
        return later(0, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_later", noted)
    watch, worker = Watch(), Worker(*[ValueError("odd") for _ in range(6)])
    watch.supervisor.start("worker", worker.run)
    await becomes(lambda: worker.starts == 7)
    monkeypatch.undo()
    await watch.supervisor.stop()
    assert [delay for delay in delays if delay >= 0.5] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


async def test_what_was_stopped_stays_stopped_and_is_no_failure(watch: Watch) -> None:
    one, other = Worker(), Worker()
    watch.supervisor.start("one", one.run)
    watch.supervisor.start("other", other.run)
    await becomes(lambda: one.starts == other.starts == 1)
    await watch.supervisor.stop("one")
    assert {task.get_name() for task in asyncio.all_tasks()} & {"one", "other"} == {"other"}
    assert watch.told == []
    await watch.supervisor.stop()
    await watch.supervisor.stop()
    assert (one.starts, other.starts, watch.supervisor.failing) == (1, 1, [])
