"""The id of a session as applications write it: text, as in a Principal, or the bytes of a row."""

import re

SessionId = str | bytes
_TEXT = re.compile(r"[0-9a-f]{32}")


def sid_of(value: SessionId) -> bytes:
    """The 16 bytes of an id. Raises ValueError for anything else: an id that matches nothing would spare nothing."""
    if isinstance(value, str) and _TEXT.fullmatch(value):
        return bytes.fromhex(value)
    if isinstance(value, bytes) and len(value) == 16:
        return value
    raise ValueError("a session id has 32 hexadecimal digits (principal.session_id), or is the 16 bytes of session.sid")
