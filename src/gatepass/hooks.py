"""Calls what an application hangs into a gate: a plain function or an async one, as its author likes.

A plain one may block (a query, a template, a call to another service), so it runs on a thread and not on the event
loop. Both kinds see the context of their caller (`contextvars`).
"""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

from gatepass.core.secret import Secret

Result = TypeVar("Result")


async def call_hook(hook: Callable[..., Result | Awaitable[Result]], *args: object, **kwargs: object) -> Result:
    """The result of `hook`, whichever kind it is. Raises what it raises. A Secret is revealed to the hook alone."""
    with contained():
        result = _call(hook, args, kwargs) if is_async(hook) else await asyncio.to_thread(_call, hook, args, kwargs)
        # A plain function may return what an async one made: a lambda, a partial.
        return await result if inspect.isawaitable(result) else result


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Around a call of a hook: what would end the process or the task of its caller becomes a RuntimeError.

    In a task, `sys.exit()` stops the event loop, and a CancelledError that no other task asked for ends a request.
    """
    try:
        yield
    except SystemExit as leaving:
        raise RuntimeError("the hook raised SystemExit") from leaving
    except asyncio.CancelledError as cancelled:
        if _is_cancelled():
            raise
        raise RuntimeError("the hook raised CancelledError") from cancelled


def _is_cancelled() -> bool:
    """Whether another task has cancelled this one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # on a thread
        return False
    return task is not None and task.cancelling() > 0


def is_async(hook: Callable[..., object]) -> bool:
    """Whether calling `hook` makes a coroutine; an object with an async `__call__` is async too."""
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004


def takes_one(hook: Callable[..., object]) -> bool:
    """Whether `hook` can be called with one argument. True for what does not tell its parameters."""
    try:
        inspect.signature(hook).bind(None)
    except TypeError:
        return False
    except ValueError:  # a function in C without a signature
        return True
    return True


def _call(hook: Callable[..., Result], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Result:
    # In one expression: crash reports show local variables.
    return hook(*map(_revealed, args), **dict(zip(kwargs, map(_revealed, kwargs.values()), strict=True)))


def _revealed(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value
