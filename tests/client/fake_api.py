"""An API without a network, for what a real server cannot be made to do at a chosen moment; and expired tokens.

The auth endpoints answer as PROTOCOL §6 says, everything else wants the newest access token and echoes the request.
What the real server says is in the tests that use `tests.client.harness`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2

from gatepass.client import Client, MemoryStorage, Session
from gatepass.client.session import clock
from gatepass.client.storage.record import SessionRecord

URL = "https://api.example.com"
SID = "ab" * 16
KEY = bytes(range(32))
CHALLENGE = "q83vEjRWeJo"
RT = "__Host-Http-gatepass"
Answerer = Callable[[httpx2.Request], httpx2.Response | None]


class Api(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A transport that records requests. `refreshing` may answer a refresh, `answering` any other request."""

    def __init__(self) -> None:
        self.generation = 0
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []
        self.refreshing: Answerer | None = None
        self.answering: Answerer | None = None
        self.seconds = 0.0
        self.lifetime = 900.0

    @property
    def token(self) -> str:
        """The only valid access token."""
        return f"ey.{self.generation}"

    @property
    def refreshes(self) -> list[httpx2.Request]:
        """The requests for a refresh."""
        return [request for request in self.requests if request.url.path == "/auth/refresh"]

    @property
    def calls(self) -> list[httpx2.Request]:
        """The requests to other paths than the auth endpoints."""
        return [request for request in self.requests if not request.url.path.startswith("/auth/")]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a sync client. The body is consumed, as by a socket."""
        body = b"".join(request.stream)  # type: ignore[arg-type]
        if request.url.path == "/auth/refresh":
            time.sleep(self.seconds)
        return self._answer(request, body)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer an async client."""
        body = b"".join([part async for part in request.stream])  # type: ignore[union-attr]
        if request.url.path == "/auth/refresh":
            await asyncio.sleep(self.seconds)
        return self._answer(request, body)

    def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(body)
        path = request.url.path
        if path == "/auth/refresh":
            return (self.refreshing and self.refreshing(request)) or self.grant()
        if path.startswith("/auth/"):
            return httpx2.Response(204)
        if (given := self.answering and self.answering(request)) is not None:
            return given
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return refused()
        return httpx2.Response(200, content=body)

    def grant(self) -> httpx2.Response:
        """Return the answer of a successful refresh."""
        self.generation += 1
        members = {
            "access_token": self.token,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "session_id": SID,
            "refresh_generation": self.generation,
            "refresh_challenge": CHALLENGE,
        }
        cookie = f"{RT}=gp_rt_{self.generation}; Path=/; Secure; HttpOnly; SameSite=Strict"
        return httpx2.Response(200, json=members, headers={"Set-Cookie": cookie})

    def client(self, **arguments: Any) -> Client:
        """Return a client that is signed in."""
        arguments.setdefault("storage", None if "session" in arguments else signed_in())
        arguments.setdefault("retry", None)
        return Client(URL, transport=self, **arguments)


def refused() -> httpx2.Response:
    """Return a 401 about the token."""
    return httpx2.Response(
        401, json={"code": "invalid-token"}, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )


def problem(status: int, code: str, headers: dict[str, str] | None = None, **facts: object) -> httpx2.Response:
    """Return a problem document."""
    return httpx2.Response(status, json={"code": code, **facts}, headers=headers)


def signed_in(*, expired: bool = False) -> MemoryStorage:
    """Return a storage with a session, whose access token may have expired."""
    storage = MemoryStorage()
    end = time.time() + (-1 if expired else 900)
    storage.save(
        SessionRecord(
            sid=SID,
            generation=0,
            challenge=CHALLENGE,
            binding_key=KEY,
            is_bound=True,
            cookie=(RT, "gp_rt_0"),
            access_token="ey.0",
            expires_at=end,
            lifetime=900.0,
        )
    )
    return storage


def age_token(session: Session, *, token: str | None = None, left: float = 600.0) -> None:
    """Make the session's access token an old one (or `token`) that seems to have `left` seconds."""
    assert session.status in ("active", "degraded")
    current = session.state.current
    assert current is not None
    now = clock.now()
    old = token or current.token
    aged: dict[str, Any] = {"expires_at": now + left, "refresh_after": now + left - 60, "grace_until": now - 1}
    session.state.current = replace(current, token=old, header=f"Bearer {old}", **aged)
    storage = session._saved.storage
    storage.save(replace(storage.load(), access_token=old, expires_at=time.time() + left))


def together(count: int, act: Callable[[], Any]) -> list[Any]:
    """Run `act` in `count` threads at once. Returns what each returned or raised."""
    start = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = act()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
