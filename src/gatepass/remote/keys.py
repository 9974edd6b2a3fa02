"""Follows the keys that a gate publishes: one URL, asked by one daemon thread, never by a request.

The thread starts at the first demand and anew in every forked worker. It asks every `refresh` seconds, sooner after a
failure, and once per `cooldown` when tokens come under keys that are not known. A set that cannot be read changes
nothing: the last good one is used on (stale while revalidate) until it is older than `patience`.
"""

import contextlib
import http.client
import logging
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from gatepass.core.public_key import MalformedKeySet, PublicKey, parse_jwks
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.wire.origin import is_loopback

logger = logging.getLogger("gatepass.keys")

TIMEOUT = 5.0
"""Seconds for each step of an exchange; a whole one takes at most twice as long."""
MAX_SIZE = 65_536
"""Bytes of a set. One key has about 150, of an answer's head http.client reads as much."""
RETRY = (1.0, 60.0)
"""Seconds before the first and at most before a further attempt after a failure."""


class KeyFollower:
    """Calls `changed` with the published keys whenever they are others than before, on its own thread."""

    def __init__(
        self,
        url: str,
        *,
        changed: Callable[[Sequence[PublicKey]], None],
        refresh: float,
        patience: float,
        cooldown: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """See RemoteGate. Raises ConfigurationError."""
        parts = urlsplit(url)
        if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))):
            raise ConfigurationError(f"A JWKS needs an https URL with a host: {parts.scheme}://{parts.hostname}")
        if parts.username is not None or parts.fragment:
            raise ConfigurationError("A JWKS URL has no credentials and no fragment.")
        if not 0 < refresh <= patience:
            raise ConfigurationError("refresh must be more than 0 seconds and at most patience.")
        self.url = url
        self._parts = parts
        self._changed = changed
        self._refresh = refresh
        self._patience = patience
        self._cooldown = cooldown
        self._context = context
        self._keys: tuple[PublicKey, ...] | None = None
        self._good_at = -float("inf")
        self._hinted_at = -float("inf")
        self._owner = 0
        self._started_at = 0.0
        self._starting = threading.Lock()
        self._renew()

    def demand(self, wait: float) -> None:
        """Return while there are keys fresh enough. Raises Unavailable.

        Starts the thread in a process that has none. Until it has looked once, or for `wait` seconds from its start,
        waits for it.
        """
        if self._owner != os.getpid():
            self._start()
        if self._keys is None and not self._looked.is_set():
            self._looked.wait(max(0.0, self._started_at + wait - time.monotonic()))
        if time.monotonic() - self._good_at > self._patience:
            what = "not loaded yet" if self._keys is None else "too old"
            raise Unavailable("not-ready", f"The keys of the issuer are {what}; try again.")

    def hint(self) -> None:
        """Look soon: a token came under a key that is not known. At most once per cool-down."""
        now = time.monotonic()
        if now - max(self._hinted_at, self._good_at) >= self._cooldown:
            self._hinted_at = now
            self._wake.set()

    def close(self) -> None:
        """Follow no longer; a new demand starts anew."""
        with self._starting:
            self._owner = 0
            self._stopped.set()
            self._wake.set()

    def _renew(self) -> None:
        self._stopped, self._wake, self._looked = threading.Event(), threading.Event(), threading.Event()

    def _start(self) -> None:
        with self._starting:
            if self._owner == os.getpid():
                return
            self._renew()
            events = (self._stopped, self._wake, self._looked)
            threading.Thread(target=self._follow, args=events, name="gatepass-keys", daemon=True).start()
            self._started_at = time.monotonic()
            self._owner = os.getpid()

    def _follow(self, stopped: threading.Event, wake: threading.Event, looked: threading.Event) -> None:
        failures = 0
        while not stopped.is_set():
            try:
                self._take(parse_jwks(self._fetch()))
                failures = 0
            except (OSError, http.client.HTTPException, MalformedKeySet) as fault:
                failures += 1
                if failures == 1:
                    logger.warning("the keys at %s cannot be read: %s", self.url, fault)
            looked.set()
            first, most = RETRY
            pause = min(self._refresh, most, first * 2 ** min(failures - 1, 10)) if failures else self._refresh
            wake.wait(pause * random.uniform(0.9, 1.0))  # noqa: S311 (spreads load, keeps no secret)
            wake.clear()

    def _take(self, keys: tuple[PublicKey, ...]) -> None:
        if not keys:
            logger.warning("%s publishes no keys: every token is refused", self.url)
        if keys != self._keys:
            self._changed(keys)
        self._keys = keys
        self._good_at = time.monotonic()

    def _fetch(self) -> bytes:
        """The answer of the one URL. No redirect is followed: the address is part of the trust."""
        with contextlib.closing(self._connection()) as connection:
            connection.connect()
            # Timeouts count for each read; who sends a byte now and then must not hold the thread.
            watchdog = threading.Timer(TIMEOUT, _hang_up, args=(connection.sock,))
            watchdog.daemon = True
            watchdog.start()
            try:
                target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
                connection.request("GET", target, headers={"Accept": "application/jwk-set+json, application/json"})
                answer = connection.getresponse()
                if answer.status != 200:
                    raise MalformedKeySet(_not_ok(answer))
                body = answer.read(MAX_SIZE + 1)
            finally:
                watchdog.cancel()
        if len(body) > MAX_SIZE:
            raise MalformedKeySet(f"it has more than {MAX_SIZE} bytes")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        context = self._context or ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        sock.shutdown(socket.SHUT_RDWR)


def _not_ok(answer: http.client.HTTPResponse) -> str:
    if 300 <= answer.status < 400:
        return f"it answers {answer.status}, and redirects are not followed: give the final URL"
    return f"it answers {answer.status}"
