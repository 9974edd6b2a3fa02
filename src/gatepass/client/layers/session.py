"""The innermost layer: it adds the session's token to calls, and sends a call again if its token was refused.

    own origin, the caller gave no authentication  →  token  →  sent  →  end
                                                                    ↘ 401 for the token: newer token → replay → end

Tokens are added above redirects: httpx removes them if a redirect leads to another origin. The answer to the second
attempt is final, but for one case: the claims of the account changed while the newer token was being made.
"""

import re
from collections.abc import Generator
from typing import Any

from gatepass.client.body_replay import rewind
from gatepass.client.errors import NotReplayableError
from gatepass.client.flow import Call, Flow, Next, Read, Step
from gatepass.client.http import CLIENT_DEFAULTS, httpx
from gatepass.client.session import clock
from gatepass.client.session.access_token import CLAIMS_CHANGED, AccessToken
from gatepass.client.session.session import Session
from gatepass.wire.origin import is_loopback

_ATTACHED = "gatepass.attached"
_SESSION = "gatepass.session"
_REFUSED = re.compile(r'\bBearer\b.*\berror="?invalid_token', re.IGNORECASE)
Origin = tuple[str, bytes, int | None]


def origin_key(url: httpx.URL) -> Origin:
    """Return what all URLs of one origin share. httpx has already removed a scheme's default port."""
    return (url.scheme, url.raw_host, url.port)


class SessionLayer:
    """Adds the access token of `session` to calls to the origin of `base_url` or of the auth endpoints.

    Never over plain http, except to a loopback host. Calls with their own Authorization header, with `auth=`, or with
    credentials in the URL are left alone.
    """

    def __init__(self, session: Session, base_url: httpx.URL | str = "") -> None:
        self.session = session
        urls = [httpx.URL(str(base_url)), httpx.URL(session.auth_url)]
        safe = [url for url in urls if url.scheme == "https" or (url.scheme == "http" and is_loopback(str(url)))]
        self._origins = frozenset(origin_key(url) for url in safe)
        self._state = session.state

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Add the token, unless the call goes to another origin or has other credentials."""
        if call.auth not in CLIENT_DEFAULTS:
            return next_layer(call)
        request = call.request
        url = request.url
        if (url.scheme, url.raw_host, url.port) not in self._origins or url.userinfo:
            return next_layer(call)
        headers = request.headers
        if "Authorization" in headers and not _is_ours(request):
            return next_layer(call)
        return self._with_token(call, next_layer)

    def _with_token(self, call: Call, next_layer: Next) -> Flow:
        token = self._state.current
        if token is None or token.refresh_after <= clock.now():
            serial = self._state.serial
            token = yield from self.session.token_for_call()
            call.refreshed |= self._state.serial != serial
        if token is None:
            _detach(call.request)
            return (yield from next_layer(call))
        _attach(call.request, token)
        response = yield from next_layer(call)
        for is_replay in (False, True):
            refusal = (yield from _refusal_of(response)) if response.status_code == 401 else None
            response.extensions[_SESSION] = token.sid
            if refusal is None or (is_replay and refusal != CLAIMS_CHANGED):
                return response
            token = yield from self.session.token_for_call(token, is_stale=refusal == CLAIMS_CHANGED)
            if token is None:
                return response
            call.refreshed = True
            if not rewind(call.request):
                raise NotReplayableError(response=response)
            _attach(call.request, token)
            response = yield from next_layer(call)
        response.extensions[_SESSION] = token.sid
        return response


def _attach(request: httpx.Request, token: AccessToken) -> None:
    """Add the token, and remember in `extensions` that it is ours: the request may be sent again with a newer one."""
    request.headers["Authorization"] = token.header
    request.extensions[_ATTACHED] = token


def session_of(response: Any) -> str | None:
    """Return the id of the session whose access token a call was answered for; None if it was sent without one."""
    sid: str | None = response.extensions.get(_SESSION)
    return sid


def _is_ours(request: httpx.Request) -> bool:
    token = request.extensions.get(_ATTACHED)
    return token is not None and token.header == request.headers["Authorization"]


def _detach(request: httpx.Request) -> None:
    if request.extensions.pop(_ATTACHED, None) is not None:
        request.headers.pop("Authorization", None)


def _refusal_of(response: httpx.Response) -> Generator[Step, Any, str | None]:
    """Return why this 401 refuses the token: CLAIMS_CHANGED or "invalid"; None for one that is the application's."""
    if not response.is_stream_consumed:
        yield Read(response)  # a streamed response must be read before its connection can be used for the replay
    challenge = response.headers.get("WWW-Authenticate", "")
    if _REFUSED.search(challenge):
        return CLAIMS_CHANGED if f'error_description="{CLAIMS_CHANGED}"' in challenge else "invalid"
    if "json" not in response.headers.get("Content-Type", ""):
        return None
    try:
        body = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("code") not in ("invalid-token", "token-required"):
        return None
    return CLAIMS_CHANGED if body.get("reason") == CLAIMS_CHANGED else "invalid"
