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

from gatepass.client.after_fork import renew_after_fork
from gatepass.client.flow import Step, drive, drive_async

Result = TypeVar("Result")
Flow = Generator[Step, Any, Result]


class TaskOwner(Protocol):
    """A client that remembers what runs in the background of its calls, and waits for it when it closes."""

    _tasks: "set[asyncio.Task[None]]"
    _threads: "BackgroundThreads"


class SingleFlight(Generic[Result]):
    """At most one flight, shared by all callers."""

    def __init__(self) -> None:
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Drop the flight in a child process: it has none of its parent's threads, so the flight would never end."""
        self._lock = threading.Lock()
        self._flight: Future[Result | None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a flight at the moment. Without the lock: a hint, not a promise."""
        return self._flight is not None

    def enter(self) -> "tuple[Future[Result | None], bool]":
        """Return the flight, and whether the caller leads it. A leader must `finish` the flight."""
        with self._lock:
            if self._flight is not None:
                return self._flight, False
            flight: Future[Result | None] = Future()
            # Running, so that no waiter's cancellation reaches it (asyncio passes it on to what it wraps).
            flight.set_running_or_notify_cancel()
            self._flight = flight
            return flight, True

    def finish(self, flight: "Future[Result | None]", result: Result | None, error: Exception | None = None) -> None:
        """Give all waiting callers the result, or raise `error` in them. A result of None: abandoned."""
        with self._lock:
            self._flight = None
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


class BackgroundThreads:
    """The threads of one client that run beside its calls. Any thread may wait for them, at any time."""

    def __init__(self) -> None:
        self._running: set[threading.Thread] = set()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Make the lock."""
        self._lock = threading.Lock()
        """Held while a thread starts: before that, none can wait for it."""

    def start(self, act: Callable[[], object]) -> None:
        """Start a thread. It is no daemon: what the server answers must be saved even if the program ends."""

        def work() -> None:
            try:
                act()
            finally:
                self._running.discard(thread)

        thread = threading.Thread(target=work, name="gatepass-background")
        with self._lock:
            self._running.add(thread)
            try:
                thread.start()
            except RuntimeError:  # no more threads
                self._running.discard(thread)
                raise

    def wait(self) -> None:
        """Wait for those that have started."""
        with self._lock:
            running = list(self._running)
        for thread in running:
            if thread is not threading.current_thread():
                thread.join()


def start_task(work: Any, owner: TaskOwner) -> None:
    """Run a coroutine in a task that the client keeps alive: an event loop has only a weak reference to it."""
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    owner._tasks.add(task)
    task.add_done_callback(owner._tasks.discard)
