"""How other servers are asked: which URLs are trusted, one bounded exchange, the followers of a remote gate.

`exchange` sends one request and reads one response, on a thread of the caller's. A follower asks one URL, on a daemon
thread of its own, so no request waits for the network. The thread starts when it is first needed, and again in every
forked worker: threads do not survive a fork.
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.wire.idna import ascii_url
from gatepass.wire.origin import is_loopback

logger = logging.getLogger("gatepass.remote")

RESTART_INTERVAL = (0.5, 5.0)
"""Seconds before a follower that stopped by an unexpected error runs again, and at most before a later time."""
FIRST_LOAD_TIMEOUT = 2.0
"""Seconds that the first requests of a process wait for the first response, so that a start causes no 503."""


class RemoteUrl:
    """An https URL of another gate; http is accepted on a loopback host only."""

    def __init__(self, url: str, *, purpose: str, context: ssl.SSLContext | None = None) -> None:
        """`purpose` begins the error messages; `context` is for a private certificate authority.

        Raises ConfigurationError.
        """
        parts = urlsplit(ascii_url(url))
        if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))):
            raise ConfigurationError(f"{purpose} needs an https URL with a host: {parts.scheme}://{parts.hostname}")
        if parts.username is not None or parts.fragment:
            raise ConfigurationError(f"{purpose} needs a URL without credentials and without a fragment.")
        self.host = parts.hostname
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._text = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._port = parts.port
        self._is_https = parts.scheme == "https"
        self._context = context

    def __str__(self) -> str:
        return self._text

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """An open connection. `timeout` is in seconds, for each step of an exchange. Raises OSError."""
        connection = http.client.HTTPConnection(self.host, self._port, timeout=timeout)
        if self._is_https:
            context = self._context or ssl.create_default_context()
            connection = http.client.HTTPSConnection(self.host, self._port, timeout=timeout, context=context)
        connection.connect()
        return connection


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to another server. Credentials in its headers and its body are opaque to crash reports."""

    url: RemoteUrl
    method: str = "GET"
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    body: Secret | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """The response to it, whole."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


def exchange(request: Outgoing, *, timeout: float, max_size: int) -> Incoming:
    """The response to a request. It blocks its thread, each step for at most `timeout` seconds, all for twice as long.

    Redirects are not followed: the address is part of the trust. The body has at most `max_size` bytes. Raises OSError,
    or HTTPException for what is no response of HTTP or is too long.
    """
    with contextlib.closing(request.url.connect(timeout)) as connection:
        # A timeout counts for each read; a server that sends a byte now and then must not hold the thread.
        watchdog = threading.Timer(timeout, _shut_down, args=(connection.sock,))
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request(
                request.method,
                request.url.target,
                body=None if request.body is None else request.body.reveal().encode(),
                headers={name: _revealed(value) for name, value in request.headers.items()},
            )
            response = connection.getresponse()
            incoming = Incoming(response.status, response.headers.get_content_type(), response.read(max_size + 1))
        finally:
            watchdog.cancel()
    if len(incoming.body) > max_size:
        raise http.client.HTTPException(f"it has more than {max_size} bytes")
    return incoming


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the connection has ended already
        sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Signals:
    """The events of one thread. A forked process needs new ones: another thread may have held the old ones' locks."""

    stopped: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    loaded: threading.Event = field(default_factory=threading.Event)
    """Set when the first load has ended."""

    def pause(self, seconds: float) -> None:
        """Wait, or return early when `wake` is set."""
        self.wake.wait(seconds)
        self.wake.clear()


class FollowerThread:
    """One daemon thread per process that runs `run(signals)` until `signals.stopped` is set."""

    def __init__(self, name: str, run: Callable[[Signals], None]) -> None:
        self.signals = Signals()
        self._name = name
        self._run = run
        self._process = 0
        self._started_at = 0.0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the thread unless this process has one. Costs nothing then."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process == os.getpid():
                return
            self.signals = Signals()
            threading.Thread(target=self._live, args=(self.signals,), name=self._name, daemon=True).start()
            self._started_at = time.monotonic()
            self._process = os.getpid()

    def _live(self, signals: Signals) -> None:
        """The body of the thread. Whatever `run` raises is logged, and it runs again: nothing may end it unseen."""
        failures = 0
        while not signals.stopped.is_set():
            try:
                self._run(signals)
            except Exception:
                failures += 1
                logger.exception("%s stopped and is started again", self._name)
                signals.pause(backoff(failures, RESTART_INTERVAL))

    def wait_until_loaded(self) -> None:
        """Return when the first load has ended, or FIRST_LOAD_TIMEOUT after the start of the thread."""
        loaded = self.signals.loaded
        if not loaded.is_set():
            loaded.wait(max(0.0, self._started_at + FIRST_LOAD_TIMEOUT - time.monotonic()))

    def wake(self) -> None:
        """End the pause of the thread."""
        self.signals.wake.set()

    def close(self) -> None:
        """Stop the thread; `start` starts another one."""
        with self._lock:
            self._process = 0
            self.signals.stopped.set()
            self.signals.wake.set()


def jittered(seconds: float, *, least: float) -> float:
    """Seconds, multiplied by a random factor from `least` to 1, so that many processes do not ask at the same time."""
    return seconds * random.uniform(least, 1.0)  # noqa: S311 (spreads load, keeps no secret)


def backoff(failures: int, interval: tuple[float, float]) -> float:
    """Seconds to wait after so many failures in a row: doubled each time from the first of `interval` to the second."""
    first, longest = interval
    return jittered(min(longest, first * 2 ** min(failures - 1, 10)), least=0.5)
