"""Lends the thread of a Django request to the gate, which runs on a thread of its own, for what reads the database.

    with lent(request):                    in the view of the auth endpoints, which waits for the gate
        await asyncio.wrap_future(gate().wsgi.ask(scope, body))

    await run(function, argument)          on the event loop of the gate, while that request is answered

The connections of that thread are Django's own: it opens and closes them around the request, and a TestCase has its
transaction on them. Where no request waits, the function runs on a thread of the gate.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Lender:
    """A request that waits on an event loop."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._under_way: dict[Future[Any], asyncio.Task[None]] = {}

    def submit(self, call: Callable[[], Any], done: "Future[Any]") -> bool:
        """Let the thread of the request run `call`. False if the request waits no more."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(self._begin, call, done, context=self._context)
        except RuntimeError:  # closed
            return False
        return True

    def close(self) -> None:
        self._loop = None
        for done in list(self._under_way):
            done.cancel()

    def _begin(self, call: Callable[[], Any], done: "Future[Any]") -> None:
        if self._loop is None:
            done.cancel()
            return
        self._under_way[done] = asyncio.create_task(self._work(call, done))

    async def _work(self, call: Callable[[], Any], done: "Future[Any]") -> None:
        try:
            result = await sync_to_async(call)()
        except BaseException as fault:
            if not done.done():
                done.set_exception(fault)
            if not isinstance(fault, Exception):
                raise
        else:
            if not done.done():
                done.set_result(result)
        finally:
            self._under_way.pop(done, None)


_lender: contextvars.ContextVar[_Lender | None] = contextvars.ContextVar("gatepass_django_request", default=None)


@contextlib.contextmanager
def lent(request: HttpRequest) -> Iterator[None]:
    """What the gate begins inside may run functions on the thread of this request."""
    lender = _Lender(request)
    token = _lender.set(lender)
    try:
        yield
    finally:
        _lender.reset(token)
        lender.close()


def waiting_request() -> HttpRequest | None:
    """The request that the gate is answering, if it came by the view of the auth endpoints."""
    lender = _lender.get()
    return None if lender is None else lender.request


async def run(function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """The result of `function` on the thread of the request, or on one of the gate's. Raises what it raises."""
    lender, done = _lender.get(), Future[Result]()
    call = functools.partial(function, *args, **kwargs)
    del args, kwargs  # crash reports show local variables
    if lender is not None and lender.submit(call, done):
        return await asyncio.wrap_future(done)
    return await asyncio.to_thread(_with_own_connections, call)


def _with_own_connections(call: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()
