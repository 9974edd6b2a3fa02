"""Sends a call again if that may help and cannot do harm.

    idempotent method, or an Idempotency-Key   and   no answer, or 408 425 429 5xx   and   the body can be sent whole
    and   attempts, time and budget are left                               →   wait, then send again

The wait is random up to a bound that doubles with each attempt (full jitter), or the server's Retry-After. If the wait
would end after the deadline, the caller gets the answer, or the error, at once. A refresh that is unavailable for now
is waited for too: the request was not sent, so this holds for every method.

The budget keeps many clients from overloading a server that is struggling. There is one for each origin in a process;
every call adds a little to it, and every further attempt takes one from it.
"""

import contextlib
import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.client.body_replay import rewind
from gatepass.client.call_options import IDEMPOTENCY_KEY
from gatepass.client.errors import RefreshUnavailableError
from gatepass.client.flow import Call, Flow, Next, Pause
from gatepass.client.http import TRANSPORT_ERRORS, UNSUPPORTED, httpx
from gatepass.client.retry_after import retry_after_of
from gatepass.per_process import PerProcess

log = logging.getLogger("gatepass.client")

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
"""The methods that RFC 9110 §9.2.2 calls idempotent, and QUERY."""
NEVER_RETRIED = frozenset({501, 505, 508, 511})
"""The 5xx that another attempt does not change: the server does not support the request, or refuses this client."""
MAX_ORIGINS = 1_000


class Budget:
    """The number of further attempts that a process may make, for each origin. Clients may share one.

    It begins at `capacity`, its maximum; each call adds `per_call`, each further attempt takes 1. While it is below 1,
    calls are sent once. Raises ValueError for a capacity below 1 and a negative `per_call`.
    """

    def __init__(self, *, capacity: float = 20.0, per_call: float = 0.1) -> None:
        if capacity < 1 or per_call < 0:
            raise ValueError("capacity must be at least 1, and per_call must not be negative.")
        self._capacity = capacity
        self._per_call = per_call
        self._left: OrderedDict[str, float] = OrderedDict()
        self._locks = PerProcess(threading.Lock)

    def fill(self, origin: str) -> None:
        """Add what a call that begins adds."""
        with self._locks.here:
            left = self._left.get(origin)
            if left is not None:  # an origin without an entry is at capacity
                self._left[origin] = min(self._capacity, left + self._per_call)

    def spend(self, origin: str) -> bool:
        """Take one further attempt. Returns False, and takes nothing, if none is left."""
        with self._locks.here:
            left = self._left.get(origin, self._capacity)
            if left < 1:
                return False
            self._left[origin] = left - 1
            self._left.move_to_end(origin)
            if len(self._left) > MAX_ORIGINS:
                self._left.popitem(last=False)
            return True

    def left(self, origin: str) -> float:
        """Return how many further attempts an origin has, in fractions too."""
        with self._locks.here:
            return self._left.get(origin, self._capacity)


SHARED = Budget()
"""The budget of every `Retry` that is not given another."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The layer and its limits. All times are in seconds.

    `attempts` includes the first. `deadline` counts from the beginning of the call: no attempt begins after it. The
    wait before the second attempt is at most `initial_wait`; that bound doubles with each attempt, up to `max_wait`.
    A Retry-After above `max_retry_after` is shortened to it. `methods`: those that may be repeated without an
    Idempotency-Key. Raises ValueError for fewer than one attempt and for a negative time.
    """

    attempts: int = 4
    deadline: float = 30.0
    initial_wait: float = 0.25
    max_wait: float = 8.0
    max_retry_after: float = 60.0
    methods: frozenset[str] = IDEMPOTENT
    budget: Budget = field(default_factory=lambda: SHARED, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)
    """Returns a random number from 0 to 1."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.deadline, self.initial_wait, self.max_wait, self.max_retry_after) < 0:
            raise ValueError("attempts must be at least 1, and no time may be negative.")

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Send the call, again if need be; only once with `retry=False`. A `Retry` of the call replaces this one."""
        given = call.options.get("retry", self) if call.options else self
        if given is False:
            return next_layer(call)
        policy = given if isinstance(given, Retry) else self
        return policy._around(call, next_layer)

    def allows(self, method: str, *, has_key: bool) -> bool:
        """Return whether a request may be repeated. `has_key`: it has an Idempotency-Key."""
        return method in self.methods or has_key

    def covers(self, status: int) -> bool:
        """Return whether another attempt may help after an answer of this status."""
        return status in (408, 425, 429) or (500 <= status <= 599 and status not in NEVER_RETRIED)

    def wait(self, attempt: int, *, retry_after: float | None) -> float:
        """Return the seconds to wait after attempt number `attempt` (the first is 1)."""
        bound = min(self.max_wait, self.initial_wait * 2.0 ** min(attempt - 1, 64))  # a float ends at 2 ** 1024
        if retry_after is None:
            return bound * self.draw()
        # A little longer than asked: all clients that got the same Retry-After must not come back at once.
        return min(retry_after, self.max_retry_after) + self.initial_wait * self.draw()

    def without_wait(self) -> "Retry":
        """Return the same limits without any waiting. For tests."""
        return replace(self, initial_wait=0.0, max_wait=0.0, max_retry_after=0.0)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        origin = _origin(call.request.url)
        self.budget.fill(origin)
        for attempt in range(1, self.attempts + 1):
            try:
                response = yield from next_layer(call)
            except TRANSPORT_ERRORS as error:
                wait = self._wait_before_next(call, attempt, error=error)
                if wait is None:
                    raise
                what = type(error).__name__
            else:
                if not self.covers(response.status_code):
                    return response
                wait = self._wait_before_next(call, attempt, response=response)
                if wait is None:
                    return response
                yield Discard(response)
                what = str(response.status_code)
            log.info("%s %s: %s, again in %.2f s", call.request.method, call.request.url.host, what, wait)
            yield Pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait_before_next(
        self,
        call: Call,
        attempt: int,
        *,
        response: httpx.Response | None = None,
        error: Exception | None = None,
    ) -> float | None:
        """Return the seconds to wait before the next attempt; None if there must be none."""
        request = call.request
        was_unsent = isinstance(error, RefreshUnavailableError)
        if attempt >= self.attempts or isinstance(error, UNSUPPORTED):
            return None
        if not was_unsent and not self.allows(request.method, has_key=IDEMPOTENCY_KEY in request.headers):
            return None
        wait = self.wait(attempt, retry_after=_retry_after(response, error))
        if time.monotonic() - call.started_at + wait > self.deadline:
            return None
        if not was_unsent and not rewind(request):
            why = "not sent again: its body can be read only once"
            log.warning("%s %s: %s", request.method, request.url.host, why)
            if error is not None:
                error.add_note(why)
            return None
        return wait if self.budget.spend(_origin(request.url)) else None


class Discard:
    """The step that closes a response without reading it, so that its connection is released."""

    __slots__ = ("response",)

    def __init__(self, response: httpx.Response) -> None:
        self.response = response

    def run(self, _driver: Any, /) -> None:
        """Close it in this thread."""
        with contextlib.suppress(*TRANSPORT_ERRORS):
            self.response.close()

    async def run_async(self, _driver: Any, /) -> None:
        """Close it in this task."""
        with contextlib.suppress(*TRANSPORT_ERRORS):
            await self.response.aclose()


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _retry_after(response: httpx.Response | None, error: Exception | None) -> float | None:
    if response is not None:
        return retry_after_of(response)
    return getattr(error, "retry_after", None)
