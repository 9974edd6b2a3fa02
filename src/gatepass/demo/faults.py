"""The levers of the page: refuse a pass that is still good, lose the answer of a refresh that was done.

Both break what no test double could: the real gate has already decided, and the real browser must cope.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatepass.core.access_token import Principal
from gatepass.errors import InvalidToken, NotFound
from gatepass.guards.starlette import current_principal
from gatepass.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.headers import Headers
from gatepass.wire.problems import MEDIA_TYPE

_STAGED = {404: None, 429: 2, 500: None, 503: 2}
"""Statuses that can be asked for, with the seconds of their Retry-After."""
_KEPT = 1_000
"""Refused passes: each lives for half a minute, so older ones have died of themselves."""


class Faults:
    """Which passes are refused, and whose next refresh answer is lost. One per demo, in memory."""

    def __init__(self) -> None:
        self._refused: dict[str, None] = {}
        self._losing: set[str] = set()

    def caller(self, request: Request) -> Principal:
        """The caller, unless the pass was made to expire. Raises Denied or InvalidToken."""
        principal = current_principal(request)
        if principal.token_id in self._refused:
            raise InvalidToken("expired by its holder")
        return principal

    async def expire_pass(self, request: Request) -> Response:
        """`POST /demo/expire-pass`: from now on /api refuses the pass that came with this request."""
        self._refused[current_principal(request).token_id] = None
        if len(self._refused) > _KEPT:
            del self._refused[next(iter(self._refused))]
        return Response(status_code=204)

    async def lose_next_refresh(self, request: Request) -> Response:
        """`POST /demo/lose-next-refresh`: the next refresh of this session is done, its answer is cut off."""
        self._losing.add(current_principal(request).session_id)
        return Response(status_code=204)

    async def status(self, request: Request) -> JSONResponse:
        """`GET /api/status/{404|429|500|503}`: that status, as a problem document."""
        self.caller(request)
        status = int(request.path_params["status"])
        if status not in _STAGED:
            raise NotFound
        wait = _STAGED[status]
        phrase = HTTPStatus(status).phrase
        document = {"type": "about:blank", "title": phrase, "status": status, "detail": "As you asked."}
        headers = {"Cache-Control": "no-store", **({"Retry-After": str(wait)} if wait else {})}
        return JSONResponse(document, status, headers, media_type=MEDIA_TYPE)

    def losing_answers(self, app: ASGIApp) -> ASGIApp:
        """Wrap the auth endpoints: a refresh whose answer is to be lost runs to its end, then is cut off."""

        async def lossy(scope: Scope, receive: Receive, send: Send) -> None:
            sid = _refreshing(scope)
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


# No cookies, and less of a body than announced: the server closes the connection in the middle of the answer,
# and the browser reports a network error.
_CUT_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"4096")],
}
_CUT_BODY: Message = {"type": "http.response.body", "body": b'{"access', "more_body": True}


def _refreshing(scope: Scope) -> str | None:
    """The session that a request wants to refresh, as its client names it; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/refresh"):
        return None
    return Headers(scope["headers"]).one(b"gatepass-session")


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages
