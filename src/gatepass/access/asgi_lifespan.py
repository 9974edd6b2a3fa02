"""The guard around a Starlette application, put there by the lifespan of a gate and taken away at its end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from gatepass.access.asgi_guard import Guard
from gatepass.access.refusals import Refusals
from gatepass.wire.asgi import ASGIApp


class GuardMaker(Protocol):
    """`guard` of a gate."""

    def __call__(self, app: ASGIApp, /, *, mounts: Sequence[str]) -> Guard:
        """Wrap an application whose auth endpoints are at `mounts`."""
        ...


@contextmanager
def guarding(app: Any, guard: GuardMaker, *, endpoints: ASGIApp | None) -> Iterator[None]:
    """Guard a Starlette application while the block runs; afterwards it is as it was.

    For lifespans: the application may be started again and again, and by several at once.
    """
    if not hasattr(app, "middleware_stack"):
        yield
        return
    before = app.middleware_stack
    stack = app.build_middleware_stack() if before is None else before
    around = guard(stack, mounts=_mounts_of(app, endpoints))
    if isinstance(stack, Guard) and stack.is_of(around):
        around = stack
    if around.entered == 0:
        around.undo = _install(app, around, stack, before)
    around.entered += 1
    try:
        yield
    finally:
        around.entered -= 1
        if around.entered == 0:
            around.undo()


def _install(app: Any, around: Guard, stack: Any, before: Any) -> Callable[[], None]:
    """Put the guard in its place. Returns what takes it away again."""
    wrapped = _wrap_layers(stack)
    app.middleware_stack = around

    def undo() -> None:
        if app.middleware_stack is around:
            app.middleware_stack = before
        for layer, inner in wrapped:
            layer.app = inner

    return undo


def _wrap_layers(stack: Any) -> list[tuple[Any, ASGIApp]]:
    """Let each middleware's refusals be answered around that middleware: inside the CORS headers of those outside."""
    found: list[tuple[Any, ASGIApp]] = []
    layer = stack
    while not _has_handlers(layer) and callable(inner := getattr(layer, "app", None)):
        found.append((layer, inner))
        layer.app = Refusals(inner)
        layer = inner
    return found


def _has_handlers(layer: Any) -> bool:
    """Whether a layer runs the application's own handlers of exceptions: they come first for what routes raise."""
    return any(each.__name__ == "ExceptionMiddleware" for each in type(layer).__mro__)


def _mounts_of(app: Any, endpoints: ASGIApp | None, below: str = "") -> list[str]:
    found: list[str] = []
    for route in getattr(app, "routes", ()) if endpoints is not None else ():
        inner, path = getattr(route, "app", None), below + getattr(route, "path", "")
        if inner is endpoints:
            found.append(path)
        elif hasattr(inner, "routes"):
            found.extend(_mounts_of(inner, endpoints, path))
    return found
