"""A client that does exactly what PROTOCOL §5 and §6 say, and records the answers.

    200                     go on with the new pair
    401 session-ended       over, if it names its own sid; nothing else ends a session
    409 refresh-superseded  read the state again and retry
    403 proof-required      it is not its own: over for this client, and for no other
    503, 429, no network    keep everything, wait a moment, the same token with the same proof again

Several tabs share one profile: its jar and its key. Without a key it is an unbound client. Any other answer is
`unexpected`, and the suite fails on it.
"""

import asyncio
import base64
import json
import random
import re
from enum import Enum

from tests.support.browser import proof_of, secret_of
from tests.system.faults.raw_http import Answer, RawConnection, compose

PASSWORD = "seven green bottles on a wall"


class Outcome(Enum):
    """What an answer means to a client."""

    RENEWED = "renewed"
    SUPERSEDED = "superseded"
    ENDED = "ended"
    UNPROVEN = "unproven"
    NOTHING = "nothing"
    """Lost, or 503: the client knows no more than before."""


class Profile:
    """A cookie jar and a binding key, which every sign-in brings. With `key=None` its sessions are unbound."""

    def __init__(self, port: int, *, key: bytes | None) -> None:
        self.port = port
        self.key = key
        self.jar: dict[str, str] = {}
        self.sid = ""
        self.access = ""
        """The newest access token."""
        self.is_over = False
        self.reason = ""
        """The reason in `session-ended`, and how far the refused token was behind the newest known one."""
        self.renewed = self.superseded = self.repeated = 0
        self.unexpected: list[str] = []
        self.identities: dict[int, set[bytes]] = {}
        """Every refresh token ever received, by generation: two of one generation would be a fork."""
        self.recorded = b""
        """The last refresh that was answered with a new pair, as it was sent."""
        self.definite: list[Outcome] = []
        self._changed = asyncio.Event()

    def copied(self, *, key: bytes | None) -> "Profile":
        """What a thief has who has just read the jar."""
        other = Profile(self.port, key=key)
        other.jar, other.sid, other.access = dict(self.jar), self.sid, self.access
        return other

    async def sign_in(self, connection: RawConnection, email: str, *, is_new: bool = False) -> None:
        """Log in, or register if there is no account yet; repeat until it succeeds."""
        secret = {"binding_secret": secret_of(self.key)} if self.key else {}
        body = json.dumps({"email": email, "password": PASSWORD, **secret}).encode()
        while True:
            for path in ("/auth/register", "/auth/login") if is_new else ("/auth/login", "/auth/register"):
                answer = await connection.post(path, ["Gatepass-Client: 1"], body)
                if answer is not None and answer.status in (200, 201):
                    self.sid = answer.json()["session_id"]
                    self._take(answer)
                    return
            await asyncio.sleep(0.02)

    async def refresh(self, connection: RawConnection) -> Outcome:
        """Send one request with the current token of the jar. Returns the meaning of the answer."""
        request = compose("/auth/refresh", self.port, self.headers(), b"")
        return self.take_answer(await connection.send(request), request)

    async def repeat(self, connection: RawConnection) -> None:
        """Send the last request that was answered once more, as a network may do it, and keep the old answer."""
        answer = await connection.send(self.recorded)
        if answer is not None:
            self._meaning(answer)
            self._note_identity(answer)

    def take_answer(self, answer: Answer | None, request: bytes = b"") -> Outcome:
        """Apply the answer to a refresh."""
        outcome = self._meaning(answer)
        if answer is not None:
            self._take(answer)
        match outcome:
            case Outcome.RENEWED:
                self.renewed += 1
                self.recorded = request
            case Outcome.SUPERSEDED:
                self.superseded += 1
            case Outcome.ENDED:
                self.is_over = True
                self.reason = f"{answer.json()['reason'] if answer else ''}, at {self._presented(request)}"
            case Outcome.UNPROVEN:
                self.is_over = True
                self.reason = f"unproven, at {self._presented(request)}"
            case Outcome.NOTHING:
                self.repeated += 1
                return outcome
        self.definite.append(outcome)
        self._changed.set()
        self._changed = asyncio.Event()
        return outcome

    async def outcome_after(self, count: int) -> Outcome:
        """The first definite answer after the first `count`. A session that has ended brings no more: ENDED."""
        while len(self.definite) <= count and not self.is_over:
            await self._changed.wait()
        return self.definite[count] if len(self.definite) > count else Outcome.ENDED

    async def refresh_until_answered(self, connection: RawConnection) -> Outcome:
        """Refresh until an answer is definite."""
        while (outcome := await self.refresh(connection)) is Outcome.NOTHING:
            await pause()
        return outcome

    @property
    def generation(self) -> int:
        return int(self.jar[f"gatepass_state_{self.port}"].split(".")[1])

    def _presented(self, request: bytes) -> str:
        found = re.search(rb"Gatepass-Proof: (\d+)", request)
        return f"{found[1].decode() if found else '?'} of {max(self.identities, default=0)}"

    def headers(self) -> list[str]:
        """The headers of a request with the jar, and with the proof for its token."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = [f"Gatepass-Session: {self.sid}", "Sec-Fetch-Site: same-origin", f"Cookie: {cookies}"]
        if self.key is None:
            return [*headers, "Gatepass-Client: 1"]
        _, generation, challenge, _ = self.jar[f"gatepass_state_{self.port}"].split(".")
        return [*headers, f"Gatepass-Proof: {proof_of(self.key, self.sid, generation, challenge)}"]

    def _meaning(self, answer: Answer | None) -> Outcome:
        if answer is None or answer.status in (429, 500, 502, 503, 504):
            if answer is not None and answer.status == 500:
                self.unexpected.append(f"500 {answer.body[:120]!r}")
            return Outcome.NOTHING
        if answer.status == 200:
            return Outcome.RENEWED
        if answer.code == "refresh-superseded":
            return Outcome.SUPERSEDED
        if answer.code == "proof-required":
            return Outcome.UNPROVEN
        if answer.code == "session-ended" and answer.json().get("sid") == self.sid:
            return Outcome.ENDED
        self.unexpected.append(f"{answer.status} {answer.body[:120]!r}")
        return Outcome.NOTHING

    def _take(self, answer: Answer) -> None:
        self.jar.update(answer.cookies)
        if answer.status in (200, 201):
            self.access = answer.json()["access_token"]
        self._note_identity(answer)

    @property
    def jar_token(self) -> bytes:
        """The identity of the refresh token in the jar."""
        return _identity(self.jar[f"gatepass_{self.port}"])[1]

    def _note_identity(self, answer: Answer) -> None:
        text = answer.cookies.get(f"gatepass_{self.port}")
        if text is not None:
            generation, identity = _identity(text)
            self.identities.setdefault(generation, set()).add(identity)


def _identity(text: str) -> tuple[int, bytes]:
    """Generation, and what makes a refresh token the one that it is (PROTOCOL §2)."""
    raw = base64.urlsafe_b64decode(text.removeprefix("gp_rt_") + "==")
    return int.from_bytes(raw[19:23], "big"), raw[2:71]


async def pause() -> None:
    """The back-off of a client, but short: here a server is down only briefly."""
    await asyncio.sleep(random.uniform(0.005, 0.03))
