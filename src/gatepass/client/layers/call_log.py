"""One line for each call, when it is over: what was asked, what came, how long it took, and by how many attempts.

    GET api.example.com/orders → 200 in 84 ms (2 attempts, refreshed)

Scheme, query, headers and bodies are in no record, and no user or password of a URL. The facts are in the record too,
as `record.gatepass`, for handlers that write JSON. INFO for what came to an end, WARNING for 5xx and for calls without
an answer. What is not listened to costs nothing.
"""

import logging
import time

from gatepass.client.flow import Call, Flow, Next
from gatepass.client.http import httpx


class CallLog:
    """The layer. `logger`: a logger or the name of one."""

    def __init__(self, logger: logging.Logger | str = "gatepass.client.calls") -> None:
        self.logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Nothing at all while nobody listens."""
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
    """What may be told of a call: no query, no user, no header."""
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
    """A path fit for one line of a log: httpx decodes it, so it could hold a line break."""
    return ascii(path)[1:-1]
