"""The headers and the document of Device Bound Session Credentials (W3C draft of 2026-02; PROTOCOL §11).

    server   Secure-Session-Registration: (ES256 RS256);path="device/start";challenge="…"
    browser  Secure-Session-Response: <proof>
    server   Secure-Session-Challenge: "…";id="<session>"                     with a 403
    browser  Sec-Secure-Session-Id: <session>
    browser  Secure-Session-Skipped: quota_exceeded;session_identifier="…"

Until 2025 the names were Sec-Session-…; both are sent and read. Browsers send values with quotes, as the draft has it,
or without, as Chromium 156 does.
"""

import re
from typing import Literal, cast, get_args

from gatepass.core.device_key import DEVICE_ALGORITHMS
from gatepass.core.strict_json import Json
from gatepass.wire.headers import Headers

SkipReason = Literal["quota_exceeded", "unreachable", "server_error"]
RESPONSE_HEADERS = (b"secure-session-response", b"sec-session-response")
SESSION_ID_HEADERS = (b"sec-secure-session-id", b"sec-session-id")
SKIPPED_HEADERS = (b"secure-session-skipped", b"sec-session-skipped")
_VALUE = re.compile(r'[ \t]*(?:"([^"\\]*)"|([^";, \t]*))[ \t]*(?:;.*)?')
_SKIPPED = re.compile(r'([a-z_]{1,32})[ \t]*;[ \t]*session_identifier[ \t]*=[ \t]*"?([0-9a-f]{32})"?(?![0-9a-f])')


def registration(path: str, challenge: str) -> list[tuple[str, str]]:
    """The headers that ask a browser to make a key. `path` is relative to the URL that is answered."""
    value = f'({" ".join(DEVICE_ALGORITHMS)});path="{path}";challenge="{challenge}"'
    return [("secure-session-registration", value), ("sec-session-registration", value)]


def challenge(text: str, session_id: str) -> list[tuple[str, str]]:
    """The headers that ask for a proof; browsers sign and repeat the request if they come with a 403."""
    value = f'"{text}";id="{session_id}"'
    return [("secure-session-challenge", value), ("sec-session-challenge", value)]


def read_proof(headers: Headers) -> str | None:
    """The text of the proof of a request, "" if it cannot be read, or None if there is none."""
    return _read(headers, RESPONSE_HEADERS)


def read_session_id(headers: Headers) -> str | None:
    """The session that a browser wants to refresh, "" if it cannot be read, or None if it names none."""
    return _read(headers, SESSION_ID_HEADERS)


def read_skipped(headers: Headers, session_id: str) -> SkipReason | None:
    """Why the browser sends a request of this session without its cookie; None if it does not say."""
    for name in SKIPPED_HEADERS:
        for value in headers.all(name):
            for reason, named in _SKIPPED.findall(value):
                if named == session_id and reason in get_args(SkipReason):
                    return cast(SkipReason, reason)
    return None


def instructions(session_id: str, *, origin: str, bound_path: str, cookie: str, attributes: str) -> Json:
    """The document that answers a registration: which requests wait for which cookie.

    `bound_path` is the one path that waits, as browsers see it. `attributes` must equal those of the Set-Cookie, but
    for Max-Age: else browsers drop the session without a word.
    """
    return {
        "session_identifier": session_id,
        "refresh_url": "refresh",  # beside the URL that is answered
        "scope": {
            "origin": origin,
            "include_site": False,
            "scope_specification": [  # the last rule that matches counts
                {"type": "exclude", "domain": "*", "path": "/"},
                {"type": "include", "domain": "*", "path": bound_path},
            ],
        },
        "credentials": [{"type": "cookie", "name": cookie, "attributes": attributes}],
    }


def _read(headers: Headers, names: tuple[bytes, ...]) -> str | None:
    for name in names:
        value = headers.one(name)
        if value is not None:
            match = _VALUE.fullmatch(value)
            return (match[1] or match[2] or "") if match else ""
    return None
