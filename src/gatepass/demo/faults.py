"""The faults that the page can cause: refuse a pass that is still valid, lose the response of a finished refresh.

Both happen after the real gate has decided, and the real browser has to recover.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken, NotFound
from gatepass.guards.starlette import current_principal
from gatepass.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.headers import Headers
from gatepass.wire.problems import MEDIA_TYPE

_STATUSES = {404: None, 429: 2, 500: None, 503: 2}
"""Statuses that can be requested, with the seconds of their Retry-After."""
_MAX_REFUSED = 1_000
"""Refused passes that are remembered. Each lives for half a minute, so older ones have expired anyway."""


class Faults:
    """The passes that are refused, and the sessions whose next refresh response is lost. One per demo, in memory."""

    def __init__(self) -> None:
        self._refused: dict[str, None] = {}
        self._losing: set[str] = set()

    def caller(self, request: Request) -> Principal:
        """As `current_principal`, but raises InvalidToken also for a pass that was made to expire."""
        principal = current_principal(request)
        if principal.token_id in self._refused:
            raise InvalidToken("expired on request")
        return principal

    async def expire_pass(self, request: Request) -> Response:
        """`POST /demo/expire-pass`: /api refuses the pass of this request from now on."""
        self._refused[current_principal(request).token_id] = None
        if len(self._refused) > _MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        return Response(status_code=204)

    async def lose_next_refresh(self, request: Request) -> Response:
        """`POST /demo/lose-next-refresh`: the next refresh of this session is done, and its response is cut off."""
        self._losing.add(current_principal(request).session_id)
        return Response(status_code=204)

    async def status(self, request: Request) -> JSONResponse:
        """`GET /api/status/{404|429|500|503}`: a problem document with this status."""
        self.caller(request)
        status = int(request.path_params["status"])
        if status not in _STATUSES:
            raise NotFound
        wait = _STATUSES[status]
        phrase = HTTPStatus(status).phrase
        document = {"type": "about:blank", "title": phrase, "status": status, "detail": "As requested."}
        headers = {"Cache-Control": "no-store", **({"Retry-After": str(wait)} if wait else {})}
        return JSONResponse(document, status, headers, media_type=MEDIA_TYPE)

    def losing_responses(self, app: ASGIApp) -> ASGIApp:
        """Wrap the auth endpoints: a refresh whose response is to be lost is finished first, and then cut off."""

        async def lossy(scope: Scope, receive: Receive, send: Send) -> None:
            sid = _refreshed_session(scope)
            if sid is None or sid not in self._losing:
                await app(scope, receive, send)
                return
            messages = await _collect(app, scope, receive)
            if messages[0].get("status") == HTTPStatus.OK:
                self._losing.discard(sid)
                messages = [_CUT_START, _CUT_BODY]
            for message in messages:
                await send(message)

        return lossy


# No cookies, and a body shorter than announced: the server closes the connection in the middle of the response, and the
# browser reports a network error.
_CUT_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"4096")],
}
_CUT_BODY: Message = {"type": "http.response.body", "body": b'{"access', "more_body": True}


def _refreshed_session(scope: Scope) -> str | None:
    """The session that a refresh request names in Gatepass-Session; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/refresh"):
        return None
    return Headers(scope["headers"]).one(b"gatepass-session")


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages
