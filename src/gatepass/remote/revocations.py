"""Revocations for a service without access to the store: follows a gate's `GET /revocations` (server-sent events).

    feed = RemoteRevocations("https://gate.example/auth/revocations", secret=SECRET, lifetime=900)

One daemon thread, started at the first question and anew in every forked worker, so it serves WSGI and ASGI alike
and no request waits for it. A broken connection is made again and resumed where it ended; what was known meanwhile
stays known. Out of touch for longer than `patience`, guards answer 503.
"""

import contextlib
import http.client
import logging
import os
import random
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.errors import ConfigurationError
from gatepass.ports import Clock
from gatepass.system import SystemClock
from gatepass.wire.origin import is_loopback

logger = logging.getLogger("gatepass.revocations")

CONNECT_TIMEOUT = 5.0
"""Seconds for a connection and the first byte of an answer."""
SILENCE = 10.0
"""Seconds without a byte after which the connection counts as dead: three heartbeats of the server."""
BACKOFF = (0.2, 5.0)
"""Seconds before the first and at most before a further attempt; half of it is drawn at random."""
MAX_LINE = 4_096
FIRST_LOAD = 2.0
"""Seconds that the first question of a process waits for the first answer, so that a start causes no 503."""


class RemoteRevocations:
    """A `ports.RevocationList`. `lifetime`: seconds that an access token of that gate can live."""

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        lifetime: int,
        patience: float = 30.0,
        clock: Clock | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`url` must be https, but for a loopback host; `context` is for a private certificate authority.

        Raises ConfigurationError.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
            raise ConfigurationError(f"The revocation feed needs an https URL: {parts.scheme}://{parts.hostname}")
        if parts.hostname is None or not secret:
            raise ConfigurationError("The revocation feed needs a URL with a host, and the service secret.")
        self._parts = parts
        self._secret = secret
        self._context = context
        self._feed = RevokedSessions(clock=clock or SystemClock(), horizon=lifetime, patience=patience)
        self._last_id = ""
        self._owner = 0
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._loaded = threading.Event()

    def __repr__(self) -> str:
        return f"RemoteRevocations({self._parts.scheme}://{self._parts.netloc}{self._parts.path})"

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session ended. Raises Unavailable before the first load, and when out of touch for long."""
        if self._owner != os.getpid():
            self.start()
            self._loaded.wait(FIRST_LOAD)
        return self._feed.is_revoked(session_id)

    def publish(self, sids: Sequence[bytes], *, at: int) -> None:
        """Refuse these sessions in this process from now on."""
        self._feed.publish(sids, at=at)

    def start(self) -> None:
        """Follow from now on. Idempotent; the first question does it too."""
        with self._starting:
            if self._owner == os.getpid():
                return
            self._owner = os.getpid()
            self._stopped, self._loaded = threading.Event(), threading.Event()
            threading.Thread(target=self._follow, args=(self._stopped,), name="gatepass-feed", daemon=True).start()

    def close(self) -> None:
        """Follow no longer."""
        self._stopped.set()

    def _follow(self, stopped: threading.Event) -> None:
        failures = 0
        while not stopped.is_set():
            try:
                for _ in self._listen(stopped):
                    failures = 0
            except (OSError, http.client.HTTPException, ValueError) as lost:
                if failures == 0:
                    logger.warning("no news of revocations from %s: %s", self._parts.hostname, lost)
            first, most = BACKOFF
            pause = min(most, first * 2 ** min(failures, 10))
            failures += 1
            stopped.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads load, keeps no secret)

    def _listen(self, stopped: threading.Event) -> Iterator[None]:
        """One connection to its end; yields at every sign of life."""
        with contextlib.closing(self._connect()) as connection:
            headers = {"Authorization": f"Bearer {self._secret}", "Accept": "text/event-stream"}
            if self._last_id:
                headers["Last-Event-ID"] = self._last_id
            target = self._parts.path + (f"?{self._parts.query}" if self._parts.query else "")
            connection.request("GET", target or "/", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            for event, last_id, data in self._events(answer, stopped):
                self._take(event, last_id, data)
                yield

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
        else:
            context = self._context or ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT, context=context)
        connection.connect()
        sock: socket.socket = connection.sock
        sock.settimeout(SILENCE)
        return connection

    def _events(self, answer: http.client.HTTPResponse, stopped: threading.Event) -> Iterator[tuple[str, str, str]]:
        """(event, id, data) of each event; a heartbeat is an empty one."""
        fields: dict[str, str] = {}
        while not stopped.is_set():
            line = answer.readline(MAX_LINE)
            if not line.endswith(b"\n"):
                return
            text = line.decode("utf-8").rstrip("\r\n")
            if text:
                name, _, value = text.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
            fields = {}

    def _take(self, event: str, last_id: str, data: str) -> None:
        if event == "revoked":
            self._feed.publish([bytes.fromhex(data)], at=int(last_id))
            self._last_id = last_id
            return
        # Ready with the first "caught-up"; from then on every heartbeat is contact.
        if event == "caught-up" or self._loaded.is_set():
            self._feed.load(())
            self._feed.forget()
            self._loaded.set()
