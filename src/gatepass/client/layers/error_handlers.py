"""The layer that calls the handlers for a status and raises typed errors."""

from collections.abc import Callable
from typing import Any

from gatepass.client.errors import problem_of
from gatepass.client.flow import Call, Flow, Invoke, Next, Read
from gatepass.client.http import RESPONSES, as_answer

Handler = Callable[[Any], Any]


class ErrorHandlers:
    """The layer. `raises`: answers of 400 and more are raised as typed errors."""

    def __init__(self, *, raises: bool = False) -> None:
        self._raises = raises
        self._handlers: dict[int | str, Handler] = {}

    def on(self, status: int | str, handler: Handler) -> None:
        """Call `handler(error)` for answers of this status (404) or class ("5xx"), once per call, after retries.

        A handler for the status takes precedence over one for its class, and a later handler replaces an earlier
        one. It may return a response, which the caller gets, or raise. Raises ValueError for any other status.
        """
        if status not in ("4xx", "5xx") and not (isinstance(status, int) and 400 <= status <= 599):
            raise ValueError(f'A status must be from 400 to 599, "4xx" or "5xx", not {status!r}.')
        self._handlers[status] = handler

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Pass the call on; look at its answer if there are handlers or the layer raises."""
        if not self._raises and not self._handlers:
            return next_layer(call)
        return self._around(call, next_layer)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        response = yield from next_layer(call)
        status = response.status_code
        if status < 400:
            return response
        handler = self._handlers.get(status) or self._handlers.get(f"{status // 100}xx")
        if handler is None and not self._raises:
            return response
        yield Read(response)
        error = problem_of(response, attempts=call.attempts)
        if handler is not None:
            given = yield Invoke(handler, error)
            if isinstance(given, RESPONSES):
                return as_answer(given, to=call.request)
        if self._raises:
            raise error
        return response
