"""WebSockets over a client's session: opened again and again, renewed in band, ended with the session (PROTOCOL §10).

    async for socket in sockets(client, "/chat"):      # one connection after the other
        async for message in socket: ...               # to the end of this one; or await socket.recv()

    session ended (4403, sign-out)      SessionEndedError, and the session of the client has ended
    4401, the status 401                again at once, with a newer token
    1008, 1009, any other status        LiveRefusedError: another attempt would be the same
    408, 425, 429, 5xx, all else        again after a pause with jitter, doubled each time

Nothing is sent twice: what a connection lost is for the application to ask for again. No timer keeps an abandoned
session alive (PROTOCOL §8): a token is renewed for `idle` seconds after the last message that was sent, then it runs
out, and the loop ends. A service that only listens has `idle=math.inf`.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from gatepass._extras import missing_extra

try:
    from websockets.asyncio.client import ClientConnection
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "websockets", sentence="WebSockets need the extra: pip install 'gatepass[live]'"
    ) from None
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from gatepass.client.aio import AsyncCalls
from gatepass.client.errors import ClientError, RefreshUnavailableError, SessionEndedError
from gatepass.client.flow import drive_async
from gatepass.client.live_address import Connect, address_of
from gatepass.client.session import clock
from gatepass.client.session.access_token import AccessToken

ENDED, RUN_OUT = 4403, 4401
FORBIDDEN = 403
FINAL = frozenset((1008, 1009))
TEMPORARY = frozenset((401, 408, 425, 429))
"""Statuses below 500 after which another attempt may have another answer."""
INITIAL_PAUSE = 0.25
MAX_PAUSE = 30.0
"""Seconds between two attempts, at most."""
STEADY = 10.0
"""Seconds after which a connection counts as one that worked: the next pause is short again."""
IDLE = 3600.0


class LiveRefusedError(ClientError):
    """The server refuses this WebSocket, and would do so again. `code` is that of the close, or the status."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"The WebSocket was refused: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.code, self.reason))


class _Activity:
    """When the program last sent something, on whichever connection."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self.at = clock.now()

    @property
    def is_over(self) -> bool:
        """Whether that is longer ago than `idle`."""
        return clock.now() - self.at > self._idle


class LiveSocket:
    """One connection, with the methods of a `websockets` connection. When it has ended, `code` and `reason` say how."""

    def __init__(
        self, connection: ClientConnection, client: AsyncCalls, token: AccessToken, activity: _Activity
    ) -> None:
        self._connection = connection
        self._client = client
        self._shown = token
        self._activity = activity
        self._asked = asyncio.Event()

    @property
    def code(self) -> int | None:
        """The code of the close; None while it is open. 1006: the connection was lost."""
        return self._connection.close_code

    @property
    def reason(self) -> str:
        """The reason of the close; "" if none was given."""
        return self._connection.close_reason or ""

    @property
    def subprotocol(self) -> str | None:
        """The sub-protocol of the application that the server has chosen, of `subprotocols=[…]`."""
        return self._connection.subprotocol

    async def send(self, message: str | bytes) -> None:
        """Send a message. Raises websockets' ConnectionClosed."""
        self._activity.at = clock.now()
        await self._connection.send(message)

    async def recv(self) -> str | bytes:
        """The next message of the application. Raises websockets' ConnectionClosed at the end of this connection.

        A task that waits may be cancelled (`asyncio.timeout`), and no message is lost.
        """
        while self._is_of_the_guard(message := await self._connection.recv()):
            pass
        return message

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The messages of the application, to the end of this connection, however it ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                yield await self.recv()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close this connection; `sockets` opens another one. Leave its loop to have none."""
        await self._connection.close(code, reason)

    @contextlib.asynccontextmanager
    async def running(self, sid: str | None) -> AsyncIterator[None]:
        """Renew the token while the block runs, and close the connection if the session of the client changes."""
        state = self._client.session.state
        changed = asyncio.Event()

        async def close_with_session() -> None:
            await changed.wait()
            await self._connection.close()

        def look() -> None:
            if state.sid != sid:
                changed.set()

        with state.watching(look):
            look()
            beside = [asyncio.create_task(self._renew()), asyncio.create_task(close_with_session())]
            try:
                yield
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await self._connection.close()

    async def _renew(self) -> None:
        """Send newer tokens until cancelled: shortly before the shown one runs out, and when the guard asks."""
        session = self._client.session
        while True:
            left = max(0.1, self._shown.refresh_after - clock.now())
            try:
                await asyncio.wait_for(self._asked.wait(), left)
            except TimeoutError:
                if self._activity.is_over:
                    return
            is_asked = self._asked.is_set()
            self._asked.clear()
            try:
                if session.state.current is self._shown or (is_asked and session.state.current is None):
                    await drive_async(session.refresh(), self._client)
            except RefreshUnavailableError as later:
                await asyncio.sleep(later.retry_after or INITIAL_PAUSE)
                self._asked.set()
                continue
            except SessionEndedError:
                await self._connection.close()
                return
            token = session.state.current
            if token is None or token.sid != self._shown.sid:
                await self._connection.close()  # signed out, or another user has signed in
                return
            if token is not self._shown:
                self._shown = token
                await self._connection.send(json.dumps({"type": "gatepass", "access_token": token.token}))

    def _is_of_the_guard(self, message: str | bytes) -> bool:
        if not isinstance(message, str) or '"gatepass"' not in message[:64]:
            return False
        try:
            facts = json.loads(message)
        except ValueError:
            return False
        if not isinstance(facts, dict) or facts.get("type") != "gatepass":
            return False
        if facts.get("expires_in") == 0:
            self._asked.set()
        return True


async def sockets(
    client: AsyncCalls, url: str, *, idle: float = IDLE, max_pause: float = MAX_PAUSE, **options: Any
) -> AsyncGenerator[LiveSocket, None]:
    """One connection to `url` after the other, for an `AsyncClient` that is signed in.

    `url` is a path below the client's `base_url`, or an address of the same origin. `options` are those of
    `websockets.asyncio.client.connect`. Raises SessionEndedError, also without a session, LiveRefusedError,
    RefreshUnavailableError never: it tries again. Raises ValueError for an address of another origin.
    """
    address, given = address_of(client, url), Headers(options.pop("additional_headers", None) or {})
    given.pop("Authorization", None)
    attempts = _Attempts(client, max_pause, _Activity(idle))
    while True:
        token = await attempts.token()
        if token is None:
            continue
        try:
            headers = given.copy()
            headers["Authorization"] = token.header
            async with Connect(address, additional_headers=headers, **options) as connection:
                del headers
                socket = LiveSocket(connection, client, token, attempts.activity)
                async with socket.running(attempts.sid):
                    yield socket
            code, reason = connection.close_code, connection.close_reason or ""
        except InvalidStatus as answer:
            code, reason = answer.response.status_code, ""
        except (OSError, InvalidHandshake, TimeoutError):
            code, reason = None, ""
        if code == RUN_OUT and attempts.activity.is_over:
            return
        await attempts.after(token, code, reason)


class _Attempts:
    """What one connection teaches for the next."""

    def __init__(self, client: AsyncCalls, max_pause: float, activity: _Activity) -> None:
        self._client = client
        self._session = client.session
        self._max_pause = max_pause
        self._refused: AccessToken | None = None
        self._failures = 0
        self._began = 0.0
        self.sid: str | None = None
        self.activity = activity

    async def token(self) -> AccessToken | None:
        """A token to connect with; None after a pause, if there is none for now. Raises SessionEndedError."""
        session, refused = self._session, self._refused
        try:
            token = await drive_async(session.token_for_call(refused, is_stale=refused is not None), self._client)
        except RefreshUnavailableError:
            await self._pause()
            return None
        self.sid = self.sid or (session.state.sid if token is None else token.sid)
        if token is None or token.sid != self.sid:
            raise self._ended()
        self._refused, self._began = None, clock.now()
        return token

    async def after(self, token: AccessToken, code: int | None, reason: str) -> None:
        """Draw the consequences of an end, and wait before the next attempt. Raises what ends all attempts."""
        if self._session.state.sid != self.sid:
            raise self._ended()
        if code == ENDED:
            await self._ask()
        elif code == FORBIDDEN:  # all that some servers say of a handshake (daphne), also after the session's end
            with contextlib.suppress(RefreshUnavailableError):
                await drive_async(self._session.refresh(), self._client)
        if code is not None and (code in FINAL or code == ENDED or (code < 500 and code not in TEMPORARY)):
            raise LiveRefusedError(code, reason)
        if clock.now() - self._began > STEADY:
            self._failures = 0
        if code in (RUN_OUT, 401):
            self._refused = token if token is self._session.state.current else None
            if self._failures == 0:
                self._failures = 1
                return
        await self._pause()

    async def _ask(self) -> None:
        """Let the server say what the end of the session was: only its answer ends one (PROTOCOL §6)."""
        try:
            await drive_async(self._session.refresh(), self._client)
        except RefreshUnavailableError:
            raise SessionEndedError("revoked", session_id=self.sid) from None

    def _ended(self) -> SessionEndedError:
        return SessionEndedError(self._session.state.reason or "signed-out", session_id=self.sid)

    async def _pause(self) -> None:
        bound = min(self._max_pause, INITIAL_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 20)
        await asyncio.sleep(random.uniform(bound / 2, bound))  # noqa: S311 - keeps clients apart, guards nothing
