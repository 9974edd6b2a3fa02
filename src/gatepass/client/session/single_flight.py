"""One refresh at a time: the first caller that needs it leads, all others wait for the same result.

Threads, tasks and event loops may wait for one flight: it is a `concurrent.futures.Future`. A task leads in a task of
its own, so a caller that is cancelled does not cancel the flight. If the leader's thread or loop ends before the
flight, the flight is *abandoned*, and one of the waiting callers leads the next.
"""

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from gatepass.client.flow import Step, drive, drive_async
from gatepass.per_process import PerProcess

Result = TypeVar("Result")
Flow = Generator[Step, Any, Result]


class TaskOwner(Protocol):
    """A client that remembers what runs in the background of its calls, and waits for it when it closes."""

    _tasks: "set[asyncio.Task[None]]"
    _threads: "BackgroundThreads"


class _Runway(Generic[Result]):
    """Where a process has its flight. A child has none of its parent's threads, so that one's would never end here."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.flight: Future[Result | None] | None = None


class SingleFlight(Generic[Result]):
    """At most one flight in each process, shared by all callers."""

    def __init__(self) -> None:
        self._runways: PerProcess[_Runway[Result]] = PerProcess(_Runway)

    @property
    def is_running(self) -> bool:
        """Whether there is a flight at the moment. Without the lock: a hint, not a promise."""
        return self._runways.here.flight is not None

    def enter(self) -> "tuple[Future[Result | None], bool]":
        """Return the flight, and whether the caller leads it. A leader must `finish` the flight."""
        runway = self._runways.here
        with runway.lock:
            if runway.flight is not None:
                return runway.flight, False
            flight: Future[Result | None] = Future()
            # Running, so that no waiter's cancellation reaches it (asyncio passes it on to what it wraps).
            flight.set_running_or_notify_cancel()
            runway.flight = flight
            return flight, True

    def finish(self, flight: "Future[Result | None]", result: Result | None, error: Exception | None = None) -> None:
        """Give all waiting callers the result, or raise `error` in them. A result of None: abandoned."""
        runway = self._runways.here
        with runway.lock:
            if runway.flight is flight:  # else the process was forked meanwhile
                runway.flight = None
        if error is None:
            flight.set_result(result)
        else:
            flight.set_exception(error)


class Join(Generic[Result]):
    """The step that waits for the flight, or leads one. `flow` is called by the leader alone."""

    __slots__ = ("_flow", "_single_flight")

    def __init__(self, single_flight: SingleFlight[Result], flow: Callable[[], Flow[Result]]) -> None:
        self._single_flight = single_flight
        self._flow = flow

    def run(self, driver: Any, /) -> Result:
        """Lead or wait in this thread."""
        while True:
            flight, leads = self._single_flight.enter()
            if leads:
                self._lead(flight, driver)
            if (result := flight.result()) is not None:
                return result

    async def run_async(self, driver: Any, /) -> Result:
        """Wait in this task. A leader runs the flight in another one."""
        while True:
            flight, leads = self._single_flight.enter()
            if leads:
                start_task(self._lead_async(flight, driver), driver)
            if (result := await asyncio.shield(asyncio.wrap_future(flight))) is not None:
                return result

    def _lead(self, flight: "Future[Result | None]", driver: Any) -> None:
        try:
            result = drive(self._flow(), driver)
        except Exception as error:
            self._single_flight.finish(flight, None, error)
        except BaseException:
            self._single_flight.finish(flight, None)
            raise
        else:
            self._single_flight.finish(flight, result)

    async def _lead_async(self, flight: "Future[Result | None]", driver: Any) -> None:
        try:
            result = await drive_async(self._flow(), driver)
        except Exception as error:
            self._single_flight.finish(flight, None, error)
        except BaseException:
            self._single_flight.finish(flight, None)
            raise
        else:
            self._single_flight.finish(flight, result)


class Run(Generic[Result]):
    """The step that runs a flow to its end; the result is the flow's."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Callable[[], Flow[Result]]) -> None:
        self._flow = flow

    def run(self, driver: Any, /) -> Result:
        """Run the steps of the flow in this thread."""
        return drive(self._flow(), driver)

    async def run_async(self, driver: Any, /) -> Result:
        """Await the flow's steps."""
        return await drive_async(self._flow(), driver)


class InBackground:
    """The step that starts another one in the background of the call: in a thread or a task. Its result is dropped."""

    __slots__ = ("_step",)

    def __init__(self, step: Step) -> None:
        self._step = step

    def run(self, driver: TaskOwner, /) -> None:
        """Start a thread."""
        driver._threads.start(partial(self._step.run, driver))

    async def run_async(self, driver: Any, /) -> None:
        """Start a task, which the client keeps until it ends."""
        start_task(self._step.run_async(driver), driver)


class _Started:
    """The threads of one process. Its child has none of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held while a thread starts: before that, none can wait for it."""
        self.running: set[threading.Thread] = set()


class BackgroundThreads:
    """The threads of one client that run beside its calls. Any thread may wait for them, at any time."""

    def __init__(self) -> None:
        self._started = PerProcess(_Started)

    def start(self, act: Callable[[], object]) -> None:
        """Start a thread. It is no daemon: what the server answers must be saved even if the program ends."""
        started = self._started.here

        def work() -> None:
            try:
                act()
            finally:
                started.running.discard(thread)

        thread = threading.Thread(target=work, name="gatepass-background")
        with started.lock:
            started.running.add(thread)
            try:
                thread.start()
            except RuntimeError:  # no more threads
                started.running.discard(thread)
                raise

    def wait(self) -> None:
        """Wait for those that have started."""
        started = self._started.here
        with started.lock:
            running = list(started.running)
        for thread in running:
            if thread is not threading.current_thread():
                thread.join()


def start_task(work: Any, owner: TaskOwner) -> None:
    """Run a coroutine in a task that the client keeps alive: an event loop has only a weak reference to it."""
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    owner._tasks.add(task)
    task.add_done_callback(owner._tasks.discard)
