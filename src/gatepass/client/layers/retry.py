"""Sends a call again where that may help and cannot hurt: one place decides, for all layers of an application.

    idempotent method, or an Idempotency-Key   and   no answer, or 408 425 429 5xx   and   the body can be sent whole
    and   attempts, time and budget are left                               →   wait, then send again

The wait is drawn at random up to a bound that doubles (full jitter), or what the server says in Retry-After. What has
no chance within the deadline is not waited for: the caller gets the answer, or the error, at once. A refresh that is
unavailable for now is waited for too: nothing was sent, so this holds for every method.

The budget is what keeps many clients from bringing a server down that struggles: one for each origin in a process,
filled a little by every call and emptied by every further attempt.
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
from gatepass.client.errors import RefreshUnavailable
from gatepass.client.flow import Call, Flow, Next, Pause
from gatepass.client.http import httpx
from gatepass.client.retry_after import retry_after_of

log = logging.getLogger("gatepass.client")

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
"""RFC 9110 §9.2.2, and QUERY."""
HOPELESS = frozenset({501, 505, 508, 511})
"""Of the 5xx: what the server does not do, or will not do for this client, it does not do a second later either."""
MAX_ORIGINS = 1_000


class Budget:
    """Further attempts that a process may make, for each origin. Share one between clients.

    At most `capacity` at once; each call gives `per_call` of one back. Once it is used up calls are sent once.
    """

    def __init__(self, *, capacity: float = 20.0, per_call: float = 0.1) -> None:
        if capacity < 1 or per_call < 0:
            raise ValueError("A budget holds at least one attempt, and takes none away for a call.")
        self._capacity = capacity
        self._per_call = per_call
        self._left: OrderedDict[str, float] = OrderedDict()
        self._turn = threading.Lock()

    def fill(self, origin: str) -> None:
        """A call begins."""
        with self._turn:
            left = self._left.get(origin)
            if left is not None:  # an origin that is not here has all of it
                self._left[origin] = min(self._capacity, left + self._per_call)

    def spend(self, origin: str) -> bool:
        """Take a further attempt; False where there is none left."""
        with self._turn:
            left = self._left.get(origin, self._capacity)
            if left < 1:
                return False
            self._left[origin] = left - 1
            self._left.move_to_end(origin)
            if len(self._left) > MAX_ORIGINS:
                self._left.popitem(last=False)
            return True

    def left(self, origin: str) -> float:
        """How many there are."""
        with self._turn:
            return self._left.get(origin, self._capacity)


SHARED = Budget()
"""That of every `Retry` that is not given one."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The layer, and what it goes by. All times in seconds; `attempts` counts the first one.

    `deadline` is for the whole call, from its first sending: no attempt begins after it. `most_retry_after` is the
    longest wait that a server can ask for.
    """

    attempts: int = 4
    deadline: float = 30.0
    first_wait: float = 0.25
    most_wait: float = 8.0
    most_retry_after: float = 60.0
    methods: frozenset[str] = IDEMPOTENT
    budget: Budget = field(default_factory=lambda: SHARED, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)
    """A number from 0 to 1, anew each time."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.deadline, self.first_wait, self.most_wait, self.most_retry_after) < 0:
            raise ValueError("attempts is at least 1, and no time is negative.")

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Nothing at all for a call with `retry=False`; a `Retry` of the call's own takes this one's place."""
        given = call.options.get("retry", self) if call.options else self
        if given is False:
            return next_layer(call)
        policy = given if isinstance(given, Retry) else self
        return policy._around(call, next_layer)

    def allows(self, method: str, *, has_key: bool) -> bool:
        """Whether a request may be sent again at all."""
        return method in self.methods or has_key

    def covers(self, status: int) -> bool:
        """Whether an answer of this status is worth another attempt."""
        return status in (408, 425, 429) or (500 <= status <= 599 and status not in HOPELESS)

    def wait(self, attempt: int, *, retry_after: float | None) -> float:
        """Seconds before the attempt that follows the one of this number (the first is 1)."""
        bound = min(self.most_wait, self.first_wait * 2.0 ** min(attempt - 1, 64))  # a float ends at 2 ** 1024
        if retry_after is None:
            return bound * self.draw()
        # Later than asked, by a little: whoever was told the same does not come back at the same instant.
        return min(retry_after, self.most_retry_after) + self.first_wait * self.draw()

    def without_wait(self) -> "Retry":
        """The same without waiting: for tests."""
        return replace(self, first_wait=0.0, most_wait=0.0, most_retry_after=0.0)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        origin = _origin(call.request.url)
        self.budget.fill(origin)
        for attempt in range(1, self.attempts + 1):
            try:
                response = yield from next_layer(call)
            except (httpx.TransportError, RefreshUnavailable) as error:
                wait = self._chance(call, attempt, error=error)
                if wait is None:
                    raise
                what = type(error).__name__
            else:
                if not self.covers(response.status_code):
                    return response
                wait = self._chance(call, attempt, response=response)
                if wait is None:
                    return response
                yield Discard(response)
                what = str(response.status_code)
            log.info("%s %s: %s, again in %.2f s", call.request.method, call.request.url.host, what, wait)
            yield Pause(wait)
        raise AssertionError("the last attempt has no next one")

    def _chance(
        self,
        call: Call,
        attempt: int,
        *,
        response: httpx.Response | None = None,
        error: Exception | None = None,
    ) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        request = call.request
        was_unsent = isinstance(error, RefreshUnavailable)
        if attempt >= self.attempts or isinstance(error, httpx.UnsupportedProtocol):
            return None
        if not was_unsent and not self.allows(request.method, has_key=IDEMPOTENCY_KEY in request.headers):
            return None
        wait = self.wait(attempt, retry_after=_retry_after(response, error))
        if time.monotonic() - call.started_at + wait > self.deadline:
            return None
        if not was_unsent and not rewind(request):
            told = "not sent again: its body can be read only once"
            log.warning("%s %s: %s", request.method, request.url.host, told)
            if error is not None:
                error.add_note(told)
            return None
        return wait if self.budget.spend(_origin(request.url)) else None


class Discard:
    """The step that lets go of a response nobody will read, so that its connection is not kept."""

    __slots__ = ("response",)

    def __init__(self, response: httpx.Response) -> None:
        self.response = response

    def run(self, _driver: Any, /) -> None:
        """In this thread."""
        with contextlib.suppress(httpx.TransportError):
            self.response.close()

    async def run_async(self, _driver: Any, /) -> None:
        """In this task."""
        with contextlib.suppress(httpx.TransportError):
            await self.response.aclose()


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _retry_after(response: httpx.Response | None, error: Exception | None) -> float | None:
    if response is not None:
        return retry_after_of(response)
    return getattr(error, "retry_after", None)
