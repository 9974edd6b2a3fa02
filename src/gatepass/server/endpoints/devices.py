"""Device-bound sessions (PROTOCOL §11): the two endpoints that browsers call by themselves. Experimental.

    POST /device/start     the key that a sign-in asked for → what is bound to it
    POST /device/refresh   no proof → 403 and a challenge; a proof → the cookie that /refresh needs

They are served only with `device_bound=allow`. Chromium repeats a request after a 403 with a challenge, tries again
later after a 5xx, and forgets the device for good after every other status, 429 too: so that is not sent here.
"""

import re
from typing import assert_never

from gatepass.core.rotation import Ended
from gatepass.core.strict_json import dump
from gatepass.errors import BadRequest, Forbidden, SessionEnded
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.sessions.devices import Shown, Unregistered, Unshown
from gatepass.wire import secure_session

_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)


async def start(context: Context, request: Request) -> Reply:
    """Register the key of a device for the session that has just begun."""
    token = context.refresh_cookies.authentic(request)
    context.limiter.device(token.sid, context.ip_prefix(request))
    await context.devices.register(token.sid, secure_session.read_proof(request.headers) or "")
    return context.device_cookies.grant(request, token.sid)


async def refresh(context: Context, request: Request) -> Reply:
    """Show that the device is there: a challenge, or for a proof of one the cookie that a refresh needs."""
    named = secure_session.read_session_id(request.headers) or ""
    if _SID.fullmatch(named) is None:
        raise BadRequest("malformed-request", "Sec-Secure-Session-Id must name a session.")
    token = context.refresh_cookies.authentic(request, expected_sid=named)
    if token.sid.hex() != named:
        raise SessionEnded(sid=named)
    ip_prefix = context.ip_prefix(request)
    context.limiter.device(token.sid, ip_prefix)
    proof = secure_session.read_proof(request.headers)
    if proof is None:
        raise _challenge(context, token.sid)
    proven = await context.devices.prove(token, proof, ip_prefix=ip_prefix)
    match proven:
        case Shown():
            return context.device_cookies.grant(request, token.sid)
        case Unshown():
            raise _challenge(context, token.sid)
        case Unregistered():
            return Reply(200, dump({"session_identifier": named, "continue": False}))
        case Ended(reason):
            raise SessionEnded(sid=named, reason=reason)
        case _:
            assert_never(proven)


def _challenge(context: Context, sid: bytes) -> Forbidden:
    headers = secure_session.challenge(context.devices.challenge(sid, "refresh"), sid.hex())
    detail = "Sign the challenge with the key of the device, and send the request again."
    return Forbidden("device-proof-required", detail, headers=dict(headers))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/device/start",
        start,
        name="startDevice",
        done={200: "Document"},
        problems={
            400: "invalid-device-proof",
            401: "session-ended, no-session",
            409: "device-refused, session-mismatch",
        },
        by_browser=True,
    ),
    Endpoint(
        "POST",
        "/device/refresh",
        refresh,
        name="refreshDevice",
        done={200: "Document"},
        problems={
            401: "session-ended, no-session",
            403: "device-proof-required",
            409: "session-mismatch",
        },
        by_browser=True,
    ),
)
