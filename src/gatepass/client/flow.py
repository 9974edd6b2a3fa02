"""How a call travels: through layers, each a generator around the next, driven by one of two short loops.

    loading ( call_log ( interceptors ( error_handlers ( retry ( session ( transmit ))))))

A layer gets the call and the next layer. It may change the request, run the next layer with
`response = yield from next_layer(call)`, catch what that raises, run it again, or return a response of its own.

    def timing(call: Call, next_layer: Next) -> Flow:
        start = time.monotonic()
        try:
            return (yield from next_layer(call))
        finally:
            print(call.request.method, time.monotonic() - start)

A layer never blocks. It yields a step and gets the step's result, so one flow serves both clients: the loop of `Client`
runs the step, the loop of `AsyncClient` awaits it. What a step raises is raised at its `yield`.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gatepass.client.http import httpx

Result = TypeVar("Result")


class Call:
    """One request of the caller, however often it is sent. Layers read and change it."""

    __slots__ = ("attempts", "auth", "follow_redirects", "options", "refreshed", "request", "started_at", "stream")

    def __init__(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> None:
        """`request`, `stream`, `auth` and `follow_redirects` are the arguments of `send`.

        Besides them a call has `options`, from `call_options`; `attempts`, how often it was sent; `refreshed`,
        whether it waited for a new access token; `started_at`, a time of `time.monotonic()`.
        """
        self.request = request
        self.stream = stream
        self.auth = auth
        self.follow_redirects = follow_redirects
        self.options: dict[str, Any] = request.extensions.get("gatepass") or {}
        self.attempts = 0
        self.refreshed = False
        self.started_at = time.monotonic()


class Driver(Protocol):
    """What the steps of a `Client` need."""

    def _transmit(self, call: Call) -> httpx.Response:
        """Send the call over the network and follow its redirects."""
        ...


class AsyncDriver(Protocol):
    """What the steps of an `AsyncClient` need."""

    async def _transmit(self, call: Call) -> httpx.Response:
        """Send the call over the network and follow its redirects."""
        ...


class Step(Protocol):
    """Something that may block, or runs the application's code; for both clients."""

    def run(self, driver: Any, /) -> Any:
        """Run the step in this thread. Returns the step's result."""
        ...

    async def run_async(self, driver: Any, /) -> Any:
        """Run the step without blocking the event loop. Returns the step's result."""
        ...


Flow = Generator[Step, Any, httpx.Response]
Next = Callable[[Call], Flow]
Layer = Callable[[Call, Next], Flow]


class Transmit:
    """The step that sends a call's request; the result is the response."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call = call

    def run(self, driver: Driver, /) -> httpx.Response:
        """Send with the sync client."""
        return driver._transmit(self.call)

    async def run_async(self, driver: AsyncDriver, /) -> httpx.Response:
        """Send with the async client."""
        return await driver._transmit(self.call)


class Read:
    """The step that reads a response to its end: only then can its connection be used again."""

    __slots__ = ("response",)

    def __init__(self, response: httpx.Response) -> None:
        self.response = response

    def run(self, _driver: Driver, /) -> bytes:
        """Read a sync response."""
        return self.response.read()

    async def run_async(self, _driver: AsyncDriver, /) -> bytes:
        """Read an async response."""
        return await self.response.aread()


class Pause:
    """The step that waits for some seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self, _driver: Driver, /) -> None:
        """Sleep in this thread."""
        time.sleep(self.seconds)

    async def run_async(self, _driver: AsyncDriver, /) -> None:
        """Let other tasks run."""
        await asyncio.sleep(self.seconds)


class Invoke:
    """The step that calls a function of the application, plain or async; the result is the function's."""

    __slots__ = ("argument", "function")

    def __init__(self, function: Callable[[Any], Any], argument: object) -> None:
        self.function = function
        self.argument = argument

    def run(self, _driver: Driver, /) -> Any:
        """Call it. Raises TypeError if it is async: a sync client cannot await it."""
        result = self.function(self.argument)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            name = getattr(self.function, "__qualname__", repr(self.function))
            raise TypeError(f"{name} is async: only an AsyncClient can await it.")
        return result

    async def run_async(self, _driver: AsyncDriver, /) -> Any:
        """Call it, and await what it returns if it is async."""
        result = self.function(self.argument)
        return await result if isinstance(result, Awaitable) else result


class Work:
    """The step that calls a blocking function of our own, such as a file's; the result is the function's."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run(self, _driver: Driver, /) -> Any:
        """Call it in this thread."""
        return self.function()

    async def run_async(self, _driver: AsyncDriver, /) -> Any:
        """Call it in a worker thread."""
        return await asyncio.to_thread(self.function)


def transmit(call: Call) -> Flow:
    """The end of every chain: send the request."""
    call.attempts += 1
    response: httpx.Response = yield Transmit(call)
    return response


def compose(layers: Sequence[Layer], core: Next = transmit) -> Next:
    """Return the layers as one function of the call, the first layer outermost. Made once per client, not per call."""
    composed = core
    for layer in reversed(layers):
        composed = _bind(layer, composed)
    return composed


def _bind(layer: Layer, next_layer: Next) -> Next:
    return lambda call: layer(call, next_layer)


@dataclass(slots=True)
class Finished(Generic[Result]):
    """The end of a flow, and what it returned."""

    value: Result


def drive(flow: Generator[Step, Any, Result], driver: Driver) -> Result:
    """Run a flow to its end in this thread. Returns and raises what the flow does."""
    end = advance(flow, driver)
    assert isinstance(end, Finished)  # noqa: S101
    return end.value


async def drive_async(flow: Generator[Step, Any, Result], driver: AsyncDriver) -> Result:
    """Run a flow to its end in this task. A cancellation is raised at the step under way."""
    end = await advance_async(flow, driver)
    assert isinstance(end, Finished)  # noqa: S101
    return end.value


def advance(
    flow: Generator[Step, Any, Result], driver: Driver, result: Any = None, *, until: type[Step] | None = None
) -> Step | Finished[Result]:
    """Run a flow to its next step of type `until`, which is not run but returned, or to its end.

    To continue after such a step, call again with its `result`.
    """
    try:
        step = flow.send(result)
        while until is None or not isinstance(step, until):
            try:
                result = step.run(driver)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        return Finished(end.value)
    return step


async def advance_async(
    flow: Generator[Step, Any, Result], driver: AsyncDriver, result: Any = None, *, until: type[Step] | None = None
) -> Step | Finished[Result]:
    """As `advance`, in this task."""
    try:
        step = flow.send(result)
        while until is None or not isinstance(step, until):
            try:
                result = await step.run_async(driver)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        return Finished(end.value)
    return step
