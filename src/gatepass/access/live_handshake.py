"""A WebSocket until its caller is known: the handshake, the first message, and the refusal of either (PROTOCOL §10)."""

import asyncio

from gatepass.access.live import LiveConnections
from gatepass.access.live_wire import (
    MAX_TOKEN_MESSAGE,
    POLICY,
    SUBPROTOCOL,
    code_of,
    size_of,
    token_in,
    withhold_token,
)
from gatepass.core.secret import Secret
from gatepass.errors import BodyTooLarge, Overloaded, Problem, TokenRequired
from gatepass.wire.asgi import Message, Receive, Scope, Send
from gatepass.wire.headers import Headers
from gatepass.wire.problems import MEDIA_TYPE, document


class Handshake:
    """The server's end of one WebSocket, and who has accepted or closed it."""

    __slots__ = (
        "_accepted_by",
        "_closed",
        "_connect",
        "_has_extension",
        "_has_message",
        "_headers",
        "_live",
        "_receive",
        "_send",
        "_token",
        "refusal",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, live: LiveConnections) -> None:
        """`scope` is changed in place: a token among the sub-protocols is taken out of it."""
        self._live = live
        self._receive = receive
        self._send = send
        self._headers = Headers(scope["headers"])
        self._has_extension = "websocket.http.response" in (scope.get("extensions") or {})
        self._token = withhold_token(scope)
        self._accepted_by = ""
        """`application` or `guard`; the guard has to, before a first message can come."""
        self._connect: Message | None = None
        """The first event of the server, if the guard has read it before the application."""
        self._has_message = False
        """Whether the token came in a message."""
        self._closed: tuple[int, str] | None = None
        self.refusal: Problem | None = None
        """The last problem that a route was told, which a framework may make a response of http of."""

    async def authorizations(self) -> list[Secret]:
        """What the caller shows: the Authorization headers, or what stands for one in a sub-protocol or a message.

        Accepts the handshake if it has to wait for a message. Raises Forbidden for an Origin that is not allowed,
        TokenRequired, BodyTooLarge, or Overloaded while too many wait.
        """
        shown = self.shown()
        if not shown:
            token = await self._first_token()
            shown = [Secret(f"Bearer {token.reveal()}")]
        return shown

    def shown(self) -> list[Secret]:
        """The same of the handshake alone; empty if it brought no token. Raises Forbidden."""
        if self._live.origins is not None:
            self._live.origins.check_source(self._headers)
        if self._token is not None and b"authorization" not in self._headers:
            return [Secret(f"Bearer {self._token.reveal()}")]
        return [Secret(value) for value in self._headers.all(b"authorization")]

    async def refuse(self, problem: Problem) -> None:
        """Close it because of a problem. Before the handshake by a response of http, if the server can send one."""
        if self._closed:
            return
        code = code_of(problem)
        if not self._accepted_by and self._token is not None and code != POLICY:
            # A page is told no status of a handshake, only a code: so the handshake succeeds first.
            await self._accept({"type": "websocket.accept"}, by="guard")
        self._closed = code, problem.code
        if self._accepted_by or not self._has_extension:
            await self._say_close()
            return
        body = document(problem)
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "websocket.http.response.start", "status": problem.status, "headers": raw})
        await self._send({"type": "websocket.http.response.body", "body": body})
        # uvicorn closes the connection in the next turn of its event loop. Where the application has returned by then,
        # it logs an error for each refusal (Kludex/uvicorn#3138).
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _first_token(self) -> Secret:
        live = self._live
        if live.waiting >= live.limits.waiting:
            raise Overloaded
        live.waiting += 1
        try:
            async with asyncio.timeout(live.limits.admission):
                return await self._token_of_first_message()
        except TimeoutError:
            raise TokenRequired from None
        finally:
            live.waiting -= 1

    async def _token_of_first_message(self) -> Secret:
        if not self._accepted_by:
            self._connect = await self._receive()
            await self._accept({"type": "websocket.accept"}, by="guard")
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._closed = message.get("code", 1005), message.get("reason") or ""
            raise TokenRequired
        if size_of(message) > MAX_TOKEN_MESSAGE:
            raise BodyTooLarge(MAX_TOKEN_MESSAGE)
        found = token_in(message)
        del message  # crash reports show local variables
        if found is None:
            raise TokenRequired
        self._has_message = True
        return found

    async def _accept(self, message: Message, *, by: str) -> None:
        self._accepted_by = by
        if self._token is not None and not message.get("subprotocol"):
            message = {**message, "subprotocol": SUBPROTOCOL}
        await self._send(message)

    async def _accept_for_application(self, message: Message) -> None:
        if self._accepted_by != "guard":
            await self._accept(message, by="application")
        elif message.get("subprotocol") or message.get("headers"):
            self._live.say_once(
                "the guard has accepted a WebSocket before the application, to wait for its first message: what the "
                "application chose (a sub-protocol, headers) is lost. Let the client offer the token together with its "
                "sub-protocols: gatepass, <token>, and yours."
            )

    async def _say_close(self) -> None:
        code, reason = self._closed or (POLICY, "")
        # Before the handshake it is a 403 of http, whatever the code.
        await self._send({"type": "websocket.close", "code": code if self._accepted_by else POLICY, "reason": reason})
