"""One refresh at a time: the first who needs it leads, all others wait for the same result.

Threads, tasks and event loops may wait for one flight: it is a `concurrent.futures.Future`. A task leads in a task of
its own, so whoever is cancelled leaves alone. Where a leader goes down with its thread or loop, the flight is
*abandoned*, and one of those who waited leads the next.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

from gatepass.client.flow import Step, drive, drive_async

Result = TypeVar("Result")
Flow = Generator[Step, Any, Result]


class Crew(Protocol):
    """A client that remembers what it has running beside its calls, and waits for it when it closes."""

    _tasks: "set[asyncio.Task[None]]"
    _threads: "set[threading.Thread]"


class SingleFlight(Generic[Result]):
    """The flight under way, if there is one."""

    def __init__(self) -> None:
        self.after_fork()
        _all.add(self)

    def after_fork(self) -> None:
        """A child has none of its parent's threads: what they had begun, nobody ends."""
        self._turn = threading.Lock()
        self._flight: Future[Result | None] | None = None

    @property
    def is_flying(self) -> bool:
        """Whether one is under way just now."""
        return self._flight is not None

    def board(self) -> "tuple[Future[Result | None], bool]":
        """The flight, and whether the caller is the one to lead it; who leads must `land` it."""
        with self._turn:
            if self._flight is not None:
                return self._flight, False
            flight: Future[Result | None] = Future()
            # Running, so that no waiter's cancellation reaches it (asyncio passes it on to what it wraps).
            flight.set_running_or_notify_cancel()
            self._flight = flight
            return flight, True

    def land(self, flight: "Future[Result | None]", result: Result | None, error: Exception | None = None) -> None:
        """Give all who wait the result; None: abandoned."""
        with self._turn:
            self._flight = None
        if error is None:
            flight.set_result(result)
        else:
            flight.set_exception(error)


class Join(Generic[Result]):
    """The step that waits for the flight under way, or leads one. `flow` is made only by who leads."""

    __slots__ = ("_flights", "_flow")

    def __init__(self, flights: SingleFlight[Result], flow: Callable[[], Flow[Result]]) -> None:
        self._flights = flights
        self._flow = flow

    def run(self, driver: Any, /) -> Result:
        """In this thread."""
        while True:
            flight, leads = self._flights.board()
            if leads:
                self._lead(flight, driver)
            if (result := flight.result()) is not None:
                return result

    async def run_async(self, driver: Any, /) -> Result:
        """In this task; the flight itself has its own."""
        while True:
            flight, leads = self._flights.board()
            if leads:
                launch(self._lead_async(flight, driver), driver)
            if (result := await asyncio.shield(asyncio.wrap_future(flight))) is not None:
                return result

    def _lead(self, flight: "Future[Result | None]", driver: Any) -> None:
        try:
            result = drive(self._flow(), driver)
        except Exception as error:
            self._flights.land(flight, None, error)
        except BaseException:
            self._flights.land(flight, None)
            raise
        else:
            self._flights.land(flight, result)

    async def _lead_async(self, flight: "Future[Result | None]", driver: Any) -> None:
        try:
            result = await drive_async(self._flow(), driver)
        except Exception as error:
            self._flights.land(flight, None, error)
        except BaseException:
            self._flights.land(flight, None)
            raise
        else:
            self._flights.land(flight, result)


class Run(Generic[Result]):
    """The step that runs a flow to its end."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Callable[[], Flow[Result]]) -> None:
        self._flow = flow

    def run(self, driver: Any, /) -> Result:
        """In this thread."""
        return drive(self._flow(), driver)

    async def run_async(self, driver: Any, /) -> Result:
        """In this task."""
        return await drive_async(self._flow(), driver)


class Beside:
    """The step that lets another one run beside the call: in a thread, or in a task. Nobody waits for its result."""

    __slots__ = ("_step",)

    def __init__(self, step: Step) -> None:
        self._step = step

    def run(self, driver: Any, /) -> None:
        """Start a thread. It is no daemon: what the server answered shall be kept even at the program's end."""

        def work() -> None:
            try:
                self._step.run(driver)
            finally:
                crew._threads.discard(thread)

        crew: Crew = driver
        thread = threading.Thread(target=work, name="gatepass-beside")
        crew._threads.add(thread)
        thread.start()

    async def run_async(self, driver: Any, /) -> None:
        """Start a task."""
        launch(self._step.run_async(driver), driver)


def launch(work: Any, crew: Crew) -> None:
    """Run a coroutine in a task that the client keeps alive."""
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    crew._tasks.add(task)
    task.add_done_callback(crew._tasks.discard)


_all: "weakref.WeakSet[SingleFlight[Any]]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for flights in list(_all):
        flights.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
