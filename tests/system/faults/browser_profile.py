"""A keyed client that does exactly what PROTOCOL §5 and §6 say, and notes what it was answered.

    200                     go on with the new pair
    401 session-ended       over, if it names its own sid; nothing else ends a session
    409 refresh-superseded  read the state again and retry
    503, 429, no network    keep everything, wait a moment, the same token under the same key again

Several tabs share one profile: its jar and its key. Any other answer is `odd`, and the suite fails on it.
"""

import asyncio
import base64
import hmac
import json
import random
import re
from enum import Enum

from tests.system.faults.raw_http import Answer, Wire, compose

PASSWORD = "seven green bottles on a wall"

LEAD = 8
"""Generations that one tab may be ahead of another's request: half of what a row remembers."""


class Told(Enum):
    """What an answer means to a client."""

    RENEWED = "renewed"
    SUPERSEDED = "superseded"
    ENDED = "ended"
    NOTHING = "nothing"
    """Lost, or the server is ill: the client knows no more than before."""


class Profile:
    """A cookie jar and a client key. `key` None: a holder who sends no key at all."""

    def __init__(self, port: int, *, key: bytes | None) -> None:
        self.port = port
        self.key = key
        self.jar: dict[str, str] = {}
        self.sid = ""
        self.is_over = False
        self.reason = ""
        """What `session-ended` gave as the reason, and how far the token that met it was behind the newest known."""
        self.renewed = self.superseded = self.repeated = 0
        self.odd: list[str] = []
        self.identities: dict[int, set[bytes]] = {}
        """Every refresh token ever received, by generation: two of one generation would be a fork."""
        self.recorded = b""
        """The last refresh that was answered with a new pair, as it went over the wire."""
        self.definite: list[Told] = []
        self._changed = asyncio.Event()
        self._under_way: list[int] = []

    def copied(self, *, key: bytes | None) -> "Profile":
        """What a thief has who read the jar just now."""
        other = Profile(self.port, key=key)
        other.jar, other.sid = dict(self.jar), self.sid
        return other

    async def sign_in(self, wire: Wire, email: str) -> None:
        """Register, or log in where somebody has; as often as it takes."""
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        while True:
            for path in ("/auth/login", "/auth/register"):
                answer = await wire.post(path, ["Gatepass-Client: 1"], body)
                if answer is not None and answer.status in (200, 201):
                    self.sid = answer.json()["session_id"]
                    self._take(answer)
                    return
            await asyncio.sleep(0.02)

    async def refresh(self, wire: Wire) -> Told:
        """One request with the token that is in the jar now, and what its answer means."""
        request = compose("/auth/refresh", self.port, self._headers(), b"")
        presented = self.generation
        self._under_way.append(presented)
        try:
            answer = await wire.send(request)
        finally:
            self._under_way.remove(presented)
        return self.hear(answer, request)

    def hear(self, answer: Answer | None, request: bytes = b"") -> Told:
        """Take an answer to a refresh in."""
        told = self._meaning(answer)
        if answer is not None:
            self._take(answer)
        match told:
            case Told.RENEWED:
                self.renewed += 1
                self.recorded = request
            case Told.SUPERSEDED:
                self.superseded += 1
            case Told.ENDED:
                self.is_over = True
                self.reason = f"{answer.json()['reason'] if answer else ''}, at {self._presented(request)}"
            case Told.NOTHING:
                self.repeated += 1
                return told
        self.definite.append(told)
        self._changed.set()
        self._changed = asyncio.Event()
        return told

    async def told_after(self, count: int) -> Told:
        """The first definite answer after the first `count` ones. An ended session brings no more: ENDED."""
        while len(self.definite) <= count and not self.is_over:
            await self._changed.wait()
        return self.definite[count] if len(self.definite) > count else Told.ENDED

    async def insist(self, wire: Wire) -> Told:
        """Refresh until an answer says something."""
        while (told := await self.refresh(wire)) is Told.NOTHING:
            await pause()
        return told

    @property
    def is_far_ahead(self) -> bool:
        """Whether a tab should wait for another one's request.

        A row remembers 16 generations. In life they take hours; here a tab makes 16 while a request of the other one
        waits for a new connection, and its answer would have to be `session-ended`.
        """
        return bool(self._under_way) and self.generation - min(self._under_way) >= LEAD

    @property
    def generation(self) -> int:
        return int(self.jar[f"gatepass_state_{self.port}"].split(".")[1])

    def _presented(self, request: bytes) -> str:
        found = re.search(rb"Idempotency-Key: (\d+)", request)
        return f"{found[1].decode() if found else '?'} of {max(self.identities, default=0)}"

    def _headers(self) -> list[str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = [f"Gatepass-Session: {self.sid}", "Sec-Fetch-Site: same-origin", f"Cookie: {cookies}"]
        if self.key is None:
            return [*headers, "Gatepass-Client: 1"]
        mac = hmac.digest(self.key, f"{self.sid}|{self.generation}".encode(), "sha256")
        return [*headers, f"Idempotency-Key: {self.generation}.{base64.urlsafe_b64encode(mac)[:22].decode()}"]

    def _meaning(self, answer: Answer | None) -> Told:
        if answer is None or answer.status in (429, 500, 502, 503, 504):
            if answer is not None and answer.status == 500:
                self.odd.append(f"500 {answer.body[:120]!r}")
            return Told.NOTHING
        if answer.status == 200:
            return Told.RENEWED
        if answer.code == "refresh-superseded":
            return Told.SUPERSEDED
        if answer.code == "session-ended" and answer.json().get("sid") == self.sid:
            return Told.ENDED
        self.odd.append(f"{answer.status} {answer.body[:120]!r}")
        return Told.NOTHING

    def _take(self, answer: Answer) -> None:
        self.jar.update(answer.cookies)
        text = answer.cookies.get(f"gatepass_{self.port}")
        if text is not None:
            raw = base64.urlsafe_b64decode(text.removeprefix("gp_rt_"))
            self.identities.setdefault(int.from_bytes(raw[18:22], "big"), set()).add(raw[2:54])


async def pause() -> None:
    """The back-off of a client, short: here a server is away for moments."""
    await asyncio.sleep(random.uniform(0.005, 0.03))
