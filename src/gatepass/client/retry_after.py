"""Reads Retry-After (RFC 9110 §10.2.3) into seconds, for the retry layer and the session alike."""

import email.utils
import time

from gatepass.client.http import httpx

LONGEST_WAIT = 3600.0
"""Seconds of a Retry-After that are believed."""


def retry_after_of(response: httpx.Response) -> float | None:
    """What an answer asks to wait, in seconds. A date counts from the answer's own Date: this clock may be wrong."""
    text, sent = (response.headers.get(name) for name in ("Retry-After", "Date"))
    try:
        now = email.utils.parsedate_to_datetime(sent or "").timestamp()
    except ValueError:
        now = time.time()
    return read_retry_after(text, now=now)


def read_retry_after(text: str | None, *, now: float) -> float | None:
    """Retry-After in either of its forms (RFC 9110 §10.2.3) as seconds from `now`; at most an hour is believed."""
    if text is None:
        return None
    try:
        seconds = float(text) if text.strip().isdecimal() else email.utils.parsedate_to_datetime(text).timestamp() - now
    except ValueError:
        return None
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None
