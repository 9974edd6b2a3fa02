"""Reads Retry-After (RFC 9110 §10.2.3) into seconds, for the retry layer and the session alike."""

import email.utils
import time

from gatepass.client.http import httpx

MAX_RETRY_AFTER = 3600.0
"""The longest Retry-After, in seconds; a longer one is shortened to it."""


def retry_after_of(response: httpx.Response) -> float | None:
    """Return the Retry-After of a response in seconds; None without one.

    A date counts from the response's own Date, as this machine's clock may be wrong.
    """
    text, sent = (response.headers.get(name) for name in ("Retry-After", "Date"))
    try:
        now = email.utils.parsedate_to_datetime(sent or "").timestamp()
    except (ValueError, OverflowError):  # of a year or an offset that no clock has
        now = time.time()
    return read_retry_after(text, now=now)


def read_retry_after(text: str | None, *, now: float) -> float | None:
    """Return seconds from `now` (Unix seconds) for either form of Retry-After, at most MAX_RETRY_AFTER.

    None for a text that is neither form, and for a time that has passed.
    """
    if text is None:
        return None
    try:
        seconds = float(text) if text.strip().isdecimal() else email.utils.parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):  # of a year or an offset that no clock has
        return None
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None
