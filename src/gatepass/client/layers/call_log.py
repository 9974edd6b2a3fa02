"""Logs one line for each finished call: the request, the outcome, the time it took and the number of attempts.

    GET api.example.com/orders → 200 in 84 ms (2 attempts, refreshed)

No record has a query, a header, a body, or user and password of a URL. For handlers that write JSON, the record has
the same facts as `record.gatepass`. INFO for answers, WARNING for 5xx and for calls without an answer. If the logger
is disabled, the layer does nothing.
"""

import logging
import time

from gatepass.client.flow import Call, Flow, Next
from gatepass.client.http import httpx


class CallLog:
    """The layer that logs calls. `logger`: a logger, or the name of one."""

    def __init__(self, logger: logging.Logger | str = "gatepass.client.calls") -> None:
        self.logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Pass the call on; log it if the logger is enabled for WARNING."""
        if not self.logger.isEnabledFor(logging.WARNING):
            return next_layer(call)
        return self._around(call, next_layer)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        try:
            response = yield from next_layer(call)
        except BaseException as error:
            self._write(call, outcome=type(error).__name__, status=None, level=logging.WARNING)
            raise
        level = logging.WARNING if response.status_code >= 500 else logging.INFO
        if self.logger.isEnabledFor(level):
            self._write(call, outcome=str(response.status_code), status=response.status_code, level=level)
        return response

    def _write(self, call: Call, *, outcome: str, status: int | None, level: int) -> None:
        facts = facts_of(call)
        notes = [f"{call.attempts} attempts"] if call.attempts > 1 else []
        notes += ["refreshed"] if call.refreshed else []
        self.logger.log(
            level,
            "%s %s%s → %s in %d ms%s",
            facts["method"],
            facts["host"],
            facts["path"],
            outcome,
            facts["ms"],
            f" ({', '.join(notes)})" if notes else "",
            extra={"gatepass": {**facts, "status": status, "error": None if status else outcome}},
        )


def facts_of(call: Call) -> dict[str, str | int | bool]:
    """Return what may be logged of a call; `ms` is milliseconds since it began. No query, user or header."""
    url: httpx.URL = call.request.url
    return {
        "method": call.request.method,
        "host": url.netloc.decode("ascii"),
        "path": printable(url.path),
        "ms": round((time.monotonic() - call.started_at) * 1_000),
        "attempts": call.attempts,
        "refreshed": call.refreshed,
    }


def printable(path: str) -> str:
    """Return a path without control characters for a log line: httpx decodes it, so it may have a line break."""
    return ascii(path)[1:-1]
