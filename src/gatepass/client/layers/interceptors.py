"""Functions that run for every call: before it is sent, when its response arrives, and when it fails.

    handle = api.interceptors.request.use(add_tenant)       # add_tenant(request) -> request | response | None
    api.interceptors.response.use(on_response, on_error)    # on_response(response) -> response | None
    handle.eject()                                          # on_error(error) -> response | None

The first added is the outermost: requests pass in the order of adding, responses in reverse. Each runs once per call:
refreshes, replays and retries are in the layers below, and `on_error` gets the exception that the caller would get.
"""

import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from gatepass.client.flow import Call, Flow, Invoke, Next, Step
from gatepass.client.http import REQUESTS, RESPONSES, as_answer, httpx
from gatepass.per_process import PerProcess

Function = Callable[..., Any]
When = Callable[[httpx.Request], bool]
Entry = TypeVar("Entry")


class Handle:
    """Removes an interceptor. Calling it calls the interceptor's function, so `use` can be a decorator."""

    def __init__(self, eject: Callable[[], None], function: Function | None) -> None:
        self._eject = eject
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        """Call the function itself."""
        assert self._function is not None  # noqa: S101
        return self._function(*arguments)

    def eject(self) -> None:
        """Remove the interceptor for all calls that begin later. A second time does nothing."""
        self._eject()


class _Entries(Generic[Entry]):
    """Interceptors in the order of adding. The tuple is replaced as a whole: a call under way keeps its own."""

    def __init__(self) -> None:
        self.entries: tuple[Entry, ...] = ()
        self._locks = PerProcess(threading.Lock)

    def _add(self, entry: Entry, function: Function | None) -> Handle:
        with self._locks.here:
            self.entries = (*self.entries, entry)
        return Handle(lambda: self._remove(entry), function)

    def _remove(self, entry: Entry) -> None:
        with self._locks.here:
            self.entries = tuple(other for other in self.entries if other is not entry)


class _OnRequest:
    __slots__ = ("function", "when")

    def __init__(self, function: Function, when: When | None) -> None:
        self.function, self.when = function, when


class _OnAnswer:
    __slots__ = ("on_error", "on_response", "when")

    def __init__(self, on_response: Function | None, on_error: Function | None, when: When | None) -> None:
        self.on_response, self.on_error, self.when = on_response, on_error, when


class RequestInterceptors(_Entries[_OnRequest]):
    """The functions that see, and may replace, each request before it is sent."""

    def use(self, function: Function, *, when: When | None = None) -> Handle:
        """Add a function of the request, plain or async (async with an AsyncClient only).

        It may change the request in place (URL, headers), return another request, or return a response: then the
        request is not sent. It is skipped if `when(request)` is false. Raises TypeError for what is not callable.
        """
        return self._add(_OnRequest(_checked(function), when), function)


class ResponseInterceptors(_Entries[_OnAnswer]):
    """The pairs of functions that see what came of a request: its response, or the exception."""

    def use(
        self, on_response: Function | None = None, on_error: Function | None = None, *, when: When | None = None
    ) -> Handle:
        """Add a pair of functions, each plain or async; one of them may be None.

        `on_response` gets the response and may return another. `on_error` gets the exception; it may return a
        response to recover, return None to let the exception pass, or raise another. What either raises goes to the
        outer interceptors. Both are skipped if `when(request)` is false. Raises TypeError for what is not callable.
        """
        if on_response is None and on_error is None:
            raise TypeError("Give on_response, on_error or both.")
        for function in (on_response, on_error):
            _checked(function)
        return self._add(_OnAnswer(on_response, on_error, when), on_response or on_error)


class Interceptors:
    """The layer that runs a client's interceptors."""

    def __init__(self) -> None:
        self.request = RequestInterceptors()
        self.response = ResponseInterceptors()

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Pass the call on, through the interceptors if there are any."""
        outgoing, incoming = self.request.entries, self.response.entries
        if not outgoing and not incoming:
            return next_layer(call)
        return self._around(call, next_layer, outgoing, incoming)

    def _around(
        self, call: Call, next_layer: Next, outgoing: tuple[_OnRequest, ...], incoming: tuple[_OnAnswer, ...]
    ) -> Flow:
        response: httpx.Response | None = None
        error: Exception | None = None
        try:
            response = yield from _depart(call, next_layer, outgoing)
        except Exception as raised:
            error = raised
        for entry in reversed(incoming):
            if entry.when is not None and not entry.when(call.request):
                continue
            try:
                response, error = yield from _pass_back(entry, call.request, response, error)
            except Exception as raised:
                response, error = None, raised
        if error is not None:
            raise error
        assert response is not None  # noqa: S101
        return response


def _depart(call: Call, next_layer: Next, outgoing: tuple[_OnRequest, ...]) -> Flow:
    before = call.request.url
    for entry in outgoing:
        if entry.when is not None and not entry.when(call.request):
            continue
        given = yield Invoke(entry.function, call.request)
        if isinstance(given, RESPONSES):
            return as_answer(given, to=call.request)
        if isinstance(given, REQUESTS):
            # The timeout and the call's options are there: it is another request, but the same call.
            given.extensions = {**call.request.extensions, **given.extensions}
            call.request = given
        elif given is not None:
            raise TypeError(f"A request interceptor returns a request, a response or None, not {type(given).__name__}.")
    if call.request.url is not before:
        _follow_host(call.request, before)
    return (yield from next_layer(call))


def _pass_back(
    entry: _OnAnswer, request: httpx.Request, response: httpx.Response | None, error: Exception | None
) -> Generator[Step, Any, tuple[httpx.Response | None, Exception | None]]:
    """Run one pair; return the response and error after it."""
    function: Function | None = entry.on_response if error is None else entry.on_error
    if function is None:
        return response, error
    given = yield Invoke(function, response if error is None else error)
    if given is None:
        return response, error
    if not isinstance(given, RESPONSES):
        raise TypeError(f"A response interceptor returns a response or None, not {type(given).__name__}.")
    if error is not None:
        given = as_answer(given, to=request)
    return given, None


def _follow_host(request: httpx.Request, before: httpx.URL) -> None:
    """Let the Host header follow the URL, unless it was set explicitly."""
    if request.headers.get("Host") == before.netloc.decode("ascii"):
        request.headers["Host"] = request.url.netloc.decode("ascii")


def _checked(function: Function | None) -> Function:
    if function is not None and not callable(function):
        raise TypeError(f"An interceptor is a function, not {type(function).__name__}.")
    return function  # type: ignore[return-value]
