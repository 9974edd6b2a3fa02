"""Revocations for a service without access to the store: follows a gate's `GET /revocations` (server-sent events).

    revocations = RemoteRevocations("https://gate.example/auth/revocations", secret=SECRET, lifetime=900)

One daemon thread reads the events, so it serves WSGI and ASGI alike and no request waits for it. A broken connection is
opened again and resumed where it ended; revocations received before stay in force. Every event says when the gate was
last in contact with its own store. When that is longer ago than `max_age`, guards respond with 503: bytes that arrive
from a gate that knows nothing new are no contact.
"""

import contextlib
import http.client
import logging
import ssl
from collections.abc import Iterator, Sequence

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core import strict_json
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.policy import MINUTE
from gatepass.errors import ConfigurationError
from gatepass.outgoing import RemoteUrl
from gatepass.ports import Clock
from gatepass.remote.connection import FollowerThread, Signals, backoff
from gatepass.system import SystemClock

logger = logging.getLogger("gatepass.revocations")

CONNECT_TIMEOUT = 5.0
"""Seconds to connect and for the first byte of the response."""
SILENCE_TIMEOUT = 10.0
"""Seconds without a byte after which the connection is given up: three heartbeats of the server."""
RECONNECT_INTERVAL = (0.2, 5.0)
"""Seconds before the first attempt after a failure, and at most before a later one."""
MAX_LINE = 4_096
TOLERANCES = 2 * MINUTE
"""Seconds for which a token may be accepted beyond its life: the largest `clock_skew` and `leeway` of a policy."""
MAX_CLOCK_DIFFERENCE = 5
"""Seconds between our clock and the gate's that are not logged."""


class RemoteRevocations:
    """A `core.revocation_list.RevocationList` of another gate. For any number of threads and forked processes."""

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        lifetime: int,
        max_age: float = 30.0,
        clock: Clock | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Follow `url`, which must be https except on a loopback host. Raises ConfigurationError.

        `secret` is one of the gate's feed secrets. `lifetime` is how many seconds an access token of that gate lives,
        or its page cookie if that is longer; `max_age` after how many seconds without contact, from here to the gate's
        store, guards respond with 503. `context` is for a private certificate authority.
        """
        if not secret:
            raise ConfigurationError("The revocation feed needs a secret: one of the gate's feed secrets.")
        self._url = RemoteUrl(url, purpose="The revocation feed", context=context)
        self._secret = secret
        self._clock = clock or SystemClock()
        self.lifetime = lifetime
        """Seconds for which a token of that gate may be valid, without tolerances."""
        self._revoked = RevokedSessions(retention=lifetime + TOLERANCES, max_age=max_age)
        self.marks = self._revoked.marks
        """The accounts of the gate whose claims changed."""
        self._differs = False
        self._last_id = ""
        self._thread = FollowerThread("gatepass-feed", self._follow)

    def __repr__(self) -> str:
        return f"RemoteRevocations({self._url})"

    @property
    def epoch(self) -> int:
        """Sessions of the gate that began before this time (Unix seconds) are over."""
        return self._revoked.epoch

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session was revoked. Raises Unavailable before the first load, and when the last is too old."""
        self._thread.start()
        self._thread.wait_until_loaded()
        return self._revoked.is_revoked(session_id)

    def publish(self, sids: Sequence[bytes]) -> None:
        """Refuse these sessions in this process from now on."""
        self._revoked.publish(sids)

    def raise_epoch(self, epoch: int) -> None:
        """Refuse all sessions that began before `epoch` in this process from now on."""
        self._revoked.raise_epoch(epoch)

    def start(self) -> None:
        """Start to follow. Idempotent; the first call of `is_revoked` does it too."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; the next call of `is_revoked` starts again."""
        self._thread.close()

    def _follow(self, signals: Signals) -> None:
        failures = 0
        while not signals.stopped.is_set():
            try:
                for _ in self._listen(signals):
                    failures = 0
            except (OSError, http.client.HTTPException, ValueError) as lost:
                if failures == 0:
                    logger.warning("revocations of %s cannot be read: %s", self._url.host, lost)
            failures += 1
            signals.pause(backoff(failures, RECONNECT_INTERVAL))

    def _listen(self, signals: Signals) -> Iterator[None]:
        """One connection, to its end. Yields at each sign of life."""
        with contextlib.closing(self._url.connect(CONNECT_TIMEOUT)) as connection:
            connection.sock.settimeout(SILENCE_TIMEOUT)
            connection.request("GET", self._url.target, headers=self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError(f"the response is {response.status}")
            for event, last_id, data in _events(response, signals):
                self._take(event, last_id, data, signals)
                yield

    def _headers(self) -> dict[str, str]:
        since = {"Last-Event-ID": self._last_id} if self._last_id else {}
        return {"Authorization": f"Bearer {self._secret}", "Accept": "text/event-stream", **since}

    def _take(self, event: str, last_id: str, data: str, signals: Signals) -> None:
        if event == "revoked":
            self._revoked.publish([bytes.fromhex(data)])
            self._last_id = last_id
        elif event == "claims":
            self.marks.publish([_mark(data)], now=self._clock.now())
            self._last_id = last_id
        elif event == "caught-up" or (event == "contact" and signals.loaded.is_set()):
            # The first "caught-up" completes the set; after it every "contact" says how fresh the set is.
            staleness, epoch, there = _facts(data)
            self._compare(there)
            self._revoked.raise_epoch(epoch)
            self._revoked.load((), age=staleness)
            self._revoked.forget()
            signals.loaded.set()

    def _compare(self, there: int) -> None:
        """Log once that the clocks of this machine and of the gate's are apart, until they agree again."""
        ahead = self._clock.now() - there
        differs = abs(ahead) > MAX_CLOCK_DIFFERENCE
        if differs and not self._differs:
            logger.warning("the clock of this machine is %+d seconds from that of %s", ahead, self._url.host)
        self._differs = differs


def _mark(data: str) -> ClaimsMark:
    """A mark. Raises ValueError."""
    facts = strict_json.load(data.encode())
    if isinstance(facts, dict):
        account_id, number, within = (facts.get(name) for name in ("account", "number", "within"))
        if isinstance(account_id, str) and isinstance(number, int) and isinstance(within, int):
            return ClaimsMark(number, account_id, within)
    raise ValueError("an event of claims without its facts")


def _facts(data: str) -> tuple[float, int, int]:
    """Staleness, epoch and time. Raises ValueError."""
    facts = strict_json.load(data.encode())
    if isinstance(facts, dict):
        staleness, epoch, now = (facts.get(name) for name in ("staleness", "epoch", "time"))
        if isinstance(staleness, int | float) and isinstance(epoch, int) and isinstance(now, int):
            return max(0.0, float(staleness)), epoch, now
    raise ValueError("an event of contact without its facts")


def _events(response: http.client.HTTPResponse, signals: Signals) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of each event."""
    fields: dict[str, str] = {}
    while not signals.stopped.is_set():
        line = response.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            return
        text = line.decode("utf-8").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
        fields = {}
