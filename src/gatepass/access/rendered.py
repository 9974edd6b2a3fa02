"""What a response rendered for one person says to caches: only its browser may keep it, if anything may.

A page that a shared cache keeps is shown to other people. So the guard adds what an application left out, and takes
away what contradicts it, with one warning in the log.
"""

import logging
from collections.abc import Iterable
from typing import Literal

logger = logging.getLogger("gatepass.pages")

Rendered = Literal["", "for-anyone", "for-a-person"]
"""Whether a route has asked for the person of a page, and whether there was one."""
Pairs = Iterable[tuple[str, str]]
PRIVATE = "private, no-store"
_SHARED = ("surrogate-control", "cdn-cache-control")
"""Headers, by their ends, that caches in front of a server obey before Cache-Control (RFC 9213)."""
_warned = False


def cache_headers(headers: Pairs, rendered: Rendered) -> list[tuple[str, str]]:
    """The headers of a response that depends on the page cookie, fit for every cache on its way."""
    kept: list[tuple[str, str]] = []
    vary: list[str] = []
    cache: list[str] = []
    shared = False
    for name, value in headers:
        lower = name.lower()
        if lower == "vary":
            vary += _words(value)
        elif rendered == "for-a-person" and lower == "cache-control":
            cache += _words(value)
        elif rendered == "for-a-person" and lower.endswith(_SHARED):
            shared = True
        else:
            kept.append((name, value))
    if "*" not in vary and "cookie" not in map(str.lower, vary):
        vary.append("Cookie")
    kept.append(("Vary", ", ".join(vary)))
    if rendered == "for-a-person":
        kept.append(("Cache-Control", _for_one(cache, shared=shared)))
    return kept


def _for_one(directives: list[str], *, shared: bool) -> str:
    kept = [each for each in directives if each.lower().partition("=")[0].strip() not in ("public", "s-maxage")]
    if shared or len(kept) != len(directives):
        _warn()
    names = {each.lower().partition("=")[0].strip() for each in kept}
    if not kept:
        return PRIVATE
    return ", ".join(kept if names & {"private", "no-store"} else ["private", *kept])


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _warn() -> None:
    """Once in a process: it is the same line of code each time."""
    global _warned
    if not _warned:
        _warned = True
        logger.warning(
            "A page rendered for one person said that shared caches may keep it (public, s-maxage, or a header for "
            "CDNs), and other people would have seen it. It was sent as private. Take the header away from routes "
            "with page_principal."
        )
