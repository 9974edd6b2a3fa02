"""Follows the keys that a gate publishes: one URL, asked by one daemon thread, never by a request.

The thread asks every `refresh` seconds, sooner after a failure, and once per `cooldown` when a token comes under an
unknown key. A set that cannot be read changes nothing: the last good one is used (stale while revalidate) until it is
older than `max_staleness`.
"""

import http.client
import logging
import ssl
import time
from collections.abc import Callable, Sequence

from gatepass.core.public_key import MalformedKeySet, PublicKey, parse_jwks
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.outgoing import Outgoing, RemoteUrl, exchange
from gatepass.problem_codes import ProblemCode
from gatepass.remote.connection import FollowerThread, Signals, backoff, jittered

logger = logging.getLogger("gatepass.keys")

EXCHANGE_TIMEOUT = 5.0
"""Seconds for each step of an exchange; the whole exchange takes at most twice as long."""
MAX_SIZE = 65_536
"""Bytes of a set. One key has about 150; http.client reads as much of the head of a response."""
RETRY_INTERVAL = (1.0, 60.0)
"""Seconds before the first attempt after a failure, and at most before a later one."""


class KeyFollower:
    """Calls `changed` with the published keys whenever they differ from the previous ones, on its own thread."""

    def __init__(
        self,
        url: str,
        *,
        changed: Callable[[Sequence[PublicKey]], None],
        refresh: float,
        max_staleness: float,
        cooldown: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """The arguments are those of RemoteGate. Raises ConfigurationError."""
        if not 0 < refresh <= max_staleness:
            raise ConfigurationError("refresh must be more than 0 seconds and at most max_staleness.")
        self.url = RemoteUrl(url, purpose="A JWKS", context=context)
        self._changed = changed
        self._refresh = refresh
        self._max_staleness = max_staleness
        self._cooldown = cooldown
        self._keys: tuple[PublicKey, ...] | None = None
        self._good_at = -float("inf")
        self._hinted_at = -float("inf")
        self._thread = FollowerThread("gatepass-keys", self._follow)

    def require(self) -> None:
        """Return if the keys are fresh enough. Raises Unavailable.

        Starts the thread in a process that has none. Without keys it waits for the first attempt, for a bounded time.
        """
        self._thread.start()
        if self._keys is None:
            self._thread.wait_until_loaded()
        if time.monotonic() - self._good_at > self._max_staleness:
            state = "not loaded yet" if self._keys is None else "too old"
            raise Unavailable(ProblemCode.NOT_READY, f"The keys of the issuer are {state}; try again.")

    def hint(self) -> None:
        """Ask soon, because a token came under an unknown key. At most once per `cooldown`."""
        now = time.monotonic()
        if now - max(self._hinted_at, self._good_at) >= self._cooldown:
            self._hinted_at = now
            self._thread.wake()

    def close(self) -> None:
        """Stop following; `require` starts again."""
        self._thread.close()

    def _follow(self, signals: Signals) -> None:
        failures = 0
        while not signals.stopped.is_set():
            try:
                self._take(parse_jwks(self._fetch()))
                failures = 0
            except (OSError, http.client.HTTPException, MalformedKeySet) as fault:
                failures += 1
                if failures == 1:
                    logger.warning("the keys at %s cannot be read: %s", self.url, fault)
            signals.loaded.set()
            regular = jittered(self._refresh, least=0.9)
            signals.pause(min(regular, backoff(failures, RETRY_INTERVAL)) if failures else regular)

    def _take(self, keys: tuple[PublicKey, ...]) -> None:
        if not keys:
            logger.warning("%s publishes no keys: every token is refused", self.url)
        if keys != self._keys:
            self._changed(keys)
        self._good_at = time.monotonic()  # before the keys: a request that sees those must see them as fresh
        self._keys = keys

    def _fetch(self) -> bytes:
        """The body of the response."""
        request = Outgoing(self.url, headers={"Accept": "application/jwk-set+json, application/json"})
        response = exchange(request, timeout=EXCHANGE_TIMEOUT, max_size=MAX_SIZE)
        if response.status != 200:
            raise MalformedKeySet(_not_ok(response.status))
        return response.body


def _not_ok(status: int) -> str:
    if 300 <= status < 400:
        return f"the response is {status}, and redirects are not followed: use the final URL"
    return f"the response is {status}"
