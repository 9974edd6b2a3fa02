"""The innermost layer: it puts the session's token on calls, and sends one again whose token was refused.

    own origin, no authentication of the caller's  →  token  →  sent  →  end
                                                                    ↘ 401 for the token: newer token → replay → end

Tokens are attached above redirects: httpx takes them off where one leads to another origin. The answer to the second
attempt is final, whatever it is.
"""

import re
import time
from collections.abc import Generator
from typing import Any

from gatepass.client.body_replay import rewind
from gatepass.client.errors import NotReplayable
from gatepass.client.flow import Call, Flow, Next, Read, Step
from gatepass.client.http import httpx
from gatepass.client.session.access_token import Pass
from gatepass.client.session.session import Session
from gatepass.wire.origin import is_loopback

_ATTACHED = "gatepass.attached"
_REFUSED = re.compile(r'\bBearer\b.*\berror="?invalid_token', re.IGNORECASE)
Origin = tuple[str, bytes, int | None]


def origin_key(url: httpx.URL) -> Origin:
    """What two URLs of one origin have in common; httpx leaves a scheme's own port out."""
    return (url.scheme, url.raw_host, url.port)


class SessionLayer:
    """`session` is attached to calls that go to the origin of `base_url` or of the auth endpoints.

    Never over plain http, but to a loopback host. Where a call has its own Authorization header, or `auth=`, or
    credentials in its URL, the layer stays out.
    """

    def __init__(self, session: Session, base_url: httpx.URL | str = "") -> None:
        self.session = session
        urls = [httpx.URL(base_url), httpx.URL(session.auth_url)]
        fit = [url for url in urls if url.scheme == "https" or (url.scheme == "http" and is_loopback(str(url)))]
        self._origins = frozenset(origin_key(url) for url in fit)
        self._state = session.state

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Calls to others, and with other credentials, pass by."""
        if call.auth is not httpx.USE_CLIENT_DEFAULT:
            return next_layer(call)
        request = call.request
        url = request.url
        if (url.scheme, url.raw_host, url.port) not in self._origins or url.userinfo:
            return next_layer(call)
        headers = request.headers
        if "Authorization" in headers and not _is_ours(request):
            return next_layer(call)
        return self._carry(call, next_layer)

    def _carry(self, call: Call, next_layer: Next) -> Flow:
        held = self._state.held
        if held is None or held.ahead_at <= time.monotonic():
            stamp = self._state.stamp
            held = yield from self.session.pass_for()
            call.refreshed |= self._state.stamp != stamp
        if held is None:
            _detach(call.request)
            return (yield from next_layer(call))
        _attach(call.request, held)
        response = yield from next_layer(call)
        if response.status_code != 401 or not (yield from _is_refused(response)):
            return response
        newer = yield from self.session.pass_for(held)
        if newer is None:
            return response
        call.refreshed = True
        if not rewind(call.request):
            raise NotReplayable(response=response)
        _attach(call.request, newer)
        return (yield from next_layer(call))


def _attach(request: httpx.Request, held: Pass) -> None:
    """Known as ours by the note beside it: sent once more, the request gets the token of that time."""
    request.headers["Authorization"] = held.header
    request.extensions[_ATTACHED] = held


def _is_ours(request: httpx.Request) -> bool:
    held = request.extensions.get(_ATTACHED)
    return held is not None and held.header == request.headers["Authorization"]


def _detach(request: httpx.Request) -> None:
    if request.extensions.pop(_ATTACHED, None) is not None:
        request.headers.pop("Authorization", None)


def _is_refused(response: httpx.Response) -> Generator[Step, Any, bool]:
    """Whether this 401 is about the token. Others (a wrong password, another scheme) are the application's affair."""
    if not response.is_stream_consumed:
        yield Read(response)  # a streamed one: the connection shall be fit for the replay
    if _REFUSED.search(response.headers.get("WWW-Authenticate", "")):
        return True
    if "json" not in response.headers.get("Content-Type", ""):
        return False
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("code") in ("invalid-token", "token-required")
