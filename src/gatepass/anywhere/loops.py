"""Where the methods of an open gate run: on its own event loop, from wherever they are called.

`AnyLoop` is for callers on another event loop, `Run` for those without one.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class AnyLoop:
    """A service whose async methods may be awaited on any event loop. Everything else is the service's own."""

    def __init__(self, service: object, lifecycle: Lifecycle) -> None:
        self.__dict__.update(_service=service, _lifecycle=lifecycle)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        return functools.partial(self._call, found) if inspect.iscoroutinefunction(found) else found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._service, name, value)

    def __repr__(self) -> str:
        return repr(self._service)

    async def _call(self, method: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        lifecycle: Lifecycle = self._lifecycle
        if lifecycle.was_left or lifecycle.opening_loop not in (None, asyncio.get_running_loop()):
            await lifecycle.open()
        home = lifecycle.loop
        if home is not None and not lifecycle.is_open:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(method(*args, **kwargs), home))
        return await method(*args, **kwargs)


class Run:
    """Runs coroutines on the event loop of the gate, for callers that have none. Opens the gate if need be."""

    def __init__(self, lifecycle: Lifecycle, background: LoopThread) -> None:
        self._lifecycle = lifecycle
        self._background = background

    def __call__(
        self,
        method: Callable[Parameters, Awaitable[Result]],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The result of an async method, or what it raises. Raises RuntimeError on the event loop of the gate."""
        here = _running_loop()
        if here is not None and here in (self._lifecycle.loop, self._lifecycle.opening_loop):
            raise RuntimeError(
                "gate.sync waits for the event loop of the gate, and would stop it here: await the method of the gate "
                "itself, or call gate.sync on a thread (asyncio.to_thread)."
            )
        asked: Future[Result] = self._background.submit(self._opened(method(*args, **kwargs)))
        return asked.result()

    def without_await(self, method: Callable[Parameters, Awaitable[Result]]) -> Callable[Parameters, Result]:
        """The method for sync code."""
        return functools.partial(self.__call__, method)

    async def awaited(self, work: Awaitable[Result]) -> Result:
        """The result of `work`, for a caller on any event loop. Opens the gate if need be."""
        if self._lifecycle.is_open:
            return await work
        return await asyncio.wrap_future(self._background.submit(self._opened(work)))

    async def _opened(self, work: Awaitable[Result]) -> Result:
        await self._lifecycle.open()
        home = self._lifecycle.loop
        if home is not None and not self._lifecycle.is_open:  # another loop opened it first
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_result_of(work), home))
        return await work


async def _result_of(work: Awaitable[Result]) -> Result:
    return await work


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
