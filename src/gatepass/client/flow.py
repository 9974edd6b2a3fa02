"""How a call travels: through layers, each a generator around the next, driven by one of two short loops.

    loading ( logging ( interceptors ( errors ( retry ( session ( transmit ))))))

A layer gets the call and the next layer, and does as it likes: changes the request, runs the rest with
`response = yield from next_layer(call)`, catches what it raises, runs it again, or answers by itself.

    def timing(call: Call, next_layer: Next) -> Flow:
        start = time.monotonic()
        try:
            return (yield from next_layer(call))
        finally:
            print(call.request.method, time.monotonic() - start)

A layer never waits by itself. It yields a step and gets its result, so one flow serves both colours: the loop of
`Client` does the step, the loop of `AsyncClient` awaits it. What a step raises is raised at its `yield`.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

from gatepass.client.http import httpx

Result = TypeVar("Result")


class Call:
    """One logical request, however often it is sent. Layers read and change it."""

    __slots__ = ("attempts", "auth", "follow_redirects", "options", "refreshed", "request", "started_at", "stream")

    def __init__(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> None:
        """`attempts`: how often it went out; `refreshed`: whether it waited for a new access token.

        The rest is what the caller gave to `send`; `options` is what `call_options` made.
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
    """What the loop of `Client` can do."""

    def _transmit(self, call: Call) -> httpx.Response:
        """Over the network, redirects included."""
        ...


class AsyncDriver(Protocol):
    """What the loop of `AsyncClient` can do."""

    async def _transmit(self, call: Call) -> httpx.Response:
        """Over the network, redirects included."""
        ...


class Step(Protocol):
    """Something that takes time or runs somebody else's code, in both colours."""

    def run(self, driver: Any, /) -> Any:
        """Do it."""
        ...

    async def run_async(self, driver: Any, /) -> Any:
        """Do it without holding up the event loop."""
        ...


Flow = Generator[Step, Any, httpx.Response]
Next = Callable[[Call], Flow]
Layer = Callable[[Call, Next], Flow]


class Transmit:
    """Send a call's request; the result is its response."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call = call

    def run(self, driver: Driver, /) -> httpx.Response:
        """In this thread."""
        return driver._transmit(self.call)

    async def run_async(self, driver: AsyncDriver, /) -> httpx.Response:
        """In this task."""
        return await driver._transmit(self.call)


class Read:
    """Read a response to its end, as its connection can be used again only then."""

    __slots__ = ("response",)

    def __init__(self, response: httpx.Response) -> None:
        self.response = response

    def run(self, _driver: Driver, /) -> bytes:
        """In this thread."""
        return self.response.read()

    async def run_async(self, _driver: AsyncDriver, /) -> bytes:
        """In this task."""
        return await self.response.aread()


class Pause:
    """Wait for so many seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self, _driver: Driver, /) -> None:
        """Block this thread."""
        time.sleep(self.seconds)

    async def run_async(self, _driver: AsyncDriver, /) -> None:
        """Let other tasks run."""
        await asyncio.sleep(self.seconds)


class Invoke:
    """Call a user's function, plain or async. A sync client cannot await: it says so."""

    __slots__ = ("argument", "function")

    def __init__(self, function: Callable[[Any], Any], argument: object) -> None:
        self.function = function
        self.argument = argument

    def run(self, _driver: Driver, /) -> Any:
        """In this thread."""
        result = self.function(self.argument)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            name = getattr(self.function, "__qualname__", repr(self.function))
            raise TypeError(f"{name} is async: only an AsyncClient can await it.")
        return result

    async def run_async(self, _driver: AsyncDriver, /) -> Any:
        """In this task."""
        result = self.function(self.argument)
        return await result if isinstance(result, Awaitable) else result


class Work:
    """Blocking work of our own, such as a file or its lock: in a thread where there is an event loop."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run(self, _driver: Driver, /) -> Any:
        """In this thread."""
        return self.function()

    async def run_async(self, _driver: AsyncDriver, /) -> Any:
        """In a worker thread."""
        return await asyncio.to_thread(self.function)


def transmit(call: Call) -> Flow:
    """The innermost layer: the network."""
    call.attempts += 1
    response: httpx.Response = yield Transmit(call)
    return response


def compose(layers: Sequence[Layer], core: Next = transmit) -> Next:
    """One function of the call, the first layer outermost. Made once per client, not per call."""
    composed = core
    for layer in reversed(layers):
        composed = _bind(layer, composed)
    return composed


def _bind(layer: Layer, next_layer: Next) -> Next:
    return lambda call: layer(call, next_layer)


def drive(flow: Generator[Step, Any, Result], driver: Driver) -> Result:
    """Run a flow to its end, in this thread."""
    try:
        step = next(flow)
        while True:
            try:
                result = step.run(driver)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        value: Result = end.value
        return value


async def drive_async(flow: Generator[Step, Any, Result], driver: AsyncDriver) -> Result:
    """Run a flow to its end, in this task. A cancellation is raised at the step under way."""
    try:
        step = next(flow)
        while True:
            try:
                result = await step.run_async(driver)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as end:
        value: Result = end.value
        return value
