"""One WebSocket under the guard: its caller, newer tokens in band, and its end (PROTOCOL §10).

The application sees an ordinary WebSocket: what the guard and the client say to each other (`live_wire.py`) never
reaches it. A socket that no route asks about is passed through.

The guard reads on by itself, so that a newer token is found also where the application only speaks; what it has read
for the application is bounded. While the token does not hold, what the client says waits, at most for the grace.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable

from gatepass.access.live import LIVE, LiveConnections, logger
from gatepass.access.live_handshake import Handshake
from gatepass.access.live_wire import GONE, POLICY, RUN_OUT, answer_to, code_of, is_of_the_close, token_in
from gatepass.access.refusals import problem_of
from gatepass.core.principal import Principal
from gatepass.core.secret import Secret
from gatepass.errors import (
    ConfigurationError,
    GatepassError,
    InvalidToken,
    Problem,
    RevokedToken,
    StaleClaims,
    TokenRequired,
    Unavailable,
)
from gatepass.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.headers import Headers

MAX_INBOX = 16
"""Messages that are read ahead of the application."""


class SocketClosed(GatepassError, ConnectionError):
    """The guard has closed this WebSocket, and the application sends on. An OSError, as ASGI wants it."""


class LiveSocket(Handshake):
    """Stands between the server and the application for one WebSocket; a `live.Connection` once it is admitted."""

    __slots__ = (
        "_counted",
        "_counted_since",
        "_held_since",
        "_inbox",
        "_pump",
        "_sending",
        "_wake",
        "principal",
    )

    principal: Principal
    """The caller by the newest token. None is set before `admit`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, live: LiveConnections) -> None:
        super().__init__(scope, receive, send, live=live)
        self._inbox: deque[Message] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._held_since: int | None = None
        self._counted = self._counted_since = 0

    @property
    def is_admitted(self) -> bool:
        """Whether the guard knows the caller."""
        return hasattr(self, "principal")

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application with this socket, to its end."""
        scope[LIVE] = self
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            problem = problem_of(error) if isinstance(error, GatepassError) else None
            if problem is not None:
                await self.refuse(problem)
            elif not (self._closed and is_of_the_close(error)):
                raise
        finally:
            await self._finish()

    async def admit(self) -> Principal:
        """Let the caller in by a header, a sub-protocol or the first message; the caller, also one who is in already.

        Raises the Problem after it has closed the socket, as `authorizations` and `Check.principal` do.
        """
        if self.is_admitted:
            return self.current()
        try:
            principal = self._enter(await self.authorizations())
        except Problem as problem:
            await self.refuse(problem)
            raise
        if self._has_message:
            await self._answer(principal.expires_at - self._live.clock.now())
        return principal

    def admit_now(self) -> Principal:
        """The same by what the handshake brought. Closes nothing; raises TokenRequired without it."""
        if self.is_admitted:
            return self.current()
        shown = self.shown()
        if not shown:
            raise TokenRequired
        return self._enter(shown)

    def _enter(self, shown: list[Secret]) -> Principal:
        # Registered first and then looked at once more: an end in between has found the socket.
        self.principal = self._live.check.principal([each.reveal() for each in shown])
        self._headers = Headers(())
        self._live.add(self)
        self._pump = asyncio.create_task(self._read(), name="gatepass-live")
        return self.current()

    def current(self) -> Principal:
        """The caller by the newest token, if that holds now. Raises InvalidToken or Unavailable."""
        self._live.check.still(self.principal, self._live.clock.now())
        return self.principal

    def require(self, scopes: tuple[str, ...], *, max_age: int | None, acr: str | None) -> Principal:
        """The caller by the newest token, who must cover `scopes`. Raises as `current` and `Check.require` do."""
        return self._live.check.require(self.current(), scopes, max_age=max_age, acr=acr)

    def end(self, refusal: InvalidToken | Unavailable) -> None:
        """Close it from outside; the application is told of a disconnect."""
        self._close(code_of(refusal), "session-ended" if isinstance(refusal, RevokedToken) else refusal.code)

    def hold(self, refusal: InvalidToken, now: int) -> None:
        """The token does not hold: ask for a newer one, and close it after the grace."""
        if self._held_since is None or now < self._held_since:
            # From the first look on: a machine that has slept finds a token that ran out long ago, and its client too.
            self._held_since = now
            if self._accepted_by:
                self._later(self._answer(0))
        elif now - self._held_since >= self._live.limits.grace:
            self._close(RUN_OUT, refusal.code)

    def release(self) -> None:
        """Go on with what the client says."""
        if self._held_since is not None:
            self._held_since = None
            self._notify()

    async def receive(self) -> Message:
        """What the application receives."""
        if self._connect is not None:
            connect, self._connect = self._connect, None
            return connect
        while self._pump is not None or self._closed:
            if self._closed:
                code, reason = self._closed
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            if self._inbox and (self._held_since is None or self._inbox[0]["type"] == "websocket.disconnect"):
                message = self._inbox.popleft()
                self._notify()
                return message
            await self._wait()
        return await self._receive()

    async def send(self, message: Message) -> None:
        """What the application sends through."""
        kind: str = message["type"]
        if self._closed:
            if kind == "websocket.send":
                raise SocketClosed(f"the guard has closed this WebSocket: {self._closed[0]} {self._closed[1]}")
        elif kind == "websocket.accept":
            await self._accept_for_application(message)
        elif kind.startswith("websocket.http.") and (self._accepted_by or self.refusal):
            await self.refuse(self.refusal or TokenRequired())
        else:
            await self._send(message)

    async def _read(self) -> None:
        """Read on from the server: tokens for the guard, everything else for the application."""
        last: Message = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        try:
            while self._closed is None:
                while len(self._inbox) >= MAX_INBOX:
                    await self._wait()
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    last = message
                    return
                if (token := token_in(message)) is None:
                    self._inbox.append(message)
                    self._notify()
                else:
                    del message
                    await self._renew(token)
        except GONE:  # while something was sent
            return
        finally:
            self._inbox.append(last)
            self._notify()

    async def _renew(self, token: Secret) -> None:
        """A newer token in band. It must be of the same session; an older one than the newest changes nothing."""
        live, now, known = self._live, self._live.clock.now(), self.principal
        if self._has_sent_too_many(now):
            self._close(POLICY, "too-many-tokens")
            return
        try:
            newer = live.check.principal([f"Bearer {token.reveal()}"])
        except StaleClaims:
            await self._answer(0)
            return
        except (InvalidToken, Unavailable) as refusal:
            self.end(refusal)
            return
        if (newer.session_id, newer.account_id) != (known.session_id, known.account_id):
            self._close(RUN_OUT, "session-mismatch")
            return
        if (newer.claims_mark, newer.expires_at) >= (known.claims_mark, known.expires_at):
            self.principal = newer
            self.release()
        await self._answer(self.principal.expires_at - now)

    def _has_sent_too_many(self, now: int) -> bool:
        rate = self._live.limits.renewals
        if not 0 <= now - self._counted_since < rate.seconds:
            self._counted, self._counted_since = 0, now
        self._counted += 1
        return bool(rate.count) and self._counted > rate.count

    async def _answer(self, expires_in: int) -> None:
        await self._send(answer_to(self.principal.session_id, expires_in))

    def _close(self, code: int, reason: str) -> None:
        if self._closed is None:
            self._closed = code, reason
            self._live.remove(self)
            self._notify()
            self._later(self._say_close())

    def _later(self, work: Awaitable[None]) -> None:
        """Send something from a place that cannot wait. That the client is gone already is no error."""
        before = self._sending

        async def in_turn() -> None:
            if before is not None:
                await before
            with contextlib.suppress(*GONE):
                await work

        self._sending = asyncio.create_task(in_turn(), name="gatepass-live-send")

    async def _finish(self) -> None:
        if self.is_admitted:
            self._live.remove(self)
        if self._pump is not None:
            self._pump.cancel()
            (fault,) = await asyncio.gather(self._pump, return_exceptions=True)
            if isinstance(fault, Exception):
                logger.error("a WebSocket could not be read on", exc_info=fault)
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _wait(self) -> None:
        self._wake = self._wake or asyncio.get_running_loop().create_future()
        await asyncio.shield(self._wake)

    def _notify(self) -> None:
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.set_result(None)


def socket_of(scope: Scope) -> LiveSocket | None:
    """The socket of a WebSocket's scope; None for every other scope, and without a guard."""
    found = scope.get(LIVE)
    return found if isinstance(found, LiveSocket) else None


async def admit_optional(scope: Scope) -> Principal | None:
    """As `admit`, but None for a WebSocket whose handshake brought no token, which is passed through."""
    socket = socket_of(scope)
    if socket is None or not (socket.is_admitted or socket.shown()):
        return None
    return await socket.admit()


async def admit(scope: Scope, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """Let the caller of a WebSocket in, of `scopes`, who signed in within `max_age` seconds, reaching `acr`.

    Waits for the first message where the handshake brought no token. Raises the Problem after it has closed the socket.
    """
    socket = socket_of(scope)
    if socket is None:
        raise ConfigurationError("No gate guards this WebSocket: app = gate.guard(app), or lifespan=gate.lifespan.")
    await socket.admit()
    try:
        return socket.require(scopes, max_age=max_age, acr=acr)
    except Problem as problem:
        await socket.refuse(problem)
        raise
