"""Where mailed links lead: pages of the application, never a host that a request named (Host header attacks).

LinkPages(reset_url="/account/new-password#token={token}")        a path at the public URL
LinkPages(verify_url="https://app.example/verify#token={token}")  another origin
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gatepass.core.mailed_link import Purpose
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.errors import ConfigurationError
from gatepass.wire.idna import ascii_url
from gatepass.wire.origin import is_loopback, origin_of

TOKEN = "{token}"
MIN_TTL = 5 * MINUTE
MAX_TTL = {"verify_ttl": 7 * DAY, "reset_ttl": DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPages:
    """A page for each kind of link, with `{token}` once, and how long the links are valid (seconds).

    By default the token is in the fragment: browsers send that to no server, so it is in no log and no Referer.
    Raises ConfigurationError with a line for each fault.
    """

    verify_url: str = f"/verify#token={TOKEN}"
    reset_url: str = f"/reset#token={TOKEN}"
    email_url: str = f"/email#token={TOKEN}"
    recovery_url: str = f"/lost-factors#token={TOKEN}"
    verify_ttl: int = DAY
    reset_ttl: int = HOUR // 2

    def __post_init__(self) -> None:
        if faults := list(self._faults()):
            raise ConfigurationError("\n".join(faults))

    def at(self, public_url: str) -> "LinkPages":
        """The same pages with absolute URLs: paths are resolved at the origin of `public_url`."""
        origin = origin_of(public_url)
        return replace(
            self,
            verify_url=_absolute(self.verify_url, origin),
            reset_url=_absolute(self.reset_url, origin),
            email_url=_absolute(self.email_url, origin),
            recovery_url=_absolute(self.recovery_url, origin),
        )

    def url(self, purpose: Purpose, token: str) -> str:
        """The link to mail."""
        pages = {
            Purpose.VERIFY: self.verify_url,
            Purpose.RESET: self.reset_url,
            Purpose.CHANGE_EMAIL: self.email_url,
            Purpose.RECOVER_FACTORS: self.recovery_url,
        }
        return pages[purpose].replace(TOKEN, token)

    def ttl(self, purpose: Purpose) -> int:
        """How long a link to verify or to reset is valid (seconds)."""
        return self.reset_ttl if purpose is Purpose.RESET else self.verify_ttl

    def _faults(self) -> Iterator[str]:
        for name in ("verify_url", "reset_url", "email_url", "recovery_url"):
            if fault := _find_fault(getattr(self, name)):
                yield f"`{name}` {fault}."
        for name, longest in MAX_TTL.items():
            if not MIN_TTL <= getattr(self, name) <= longest:
                yield f"`{name}` must be {MIN_TTL // MINUTE} minutes to {longest // DAY} d."


def _absolute(page: str, origin: str) -> str:
    return origin + page if page.startswith("/") and not page.startswith("//") else ascii_url(page)


def _find_fault(page: str) -> str | None:
    """Why a page cannot be linked to, as the end of a sentence; None if it can."""
    try:
        url = _absolute(page, "https://host.example")
        origin = origin_of(url)
    except (ConfigurationError, ValueError) as fault:
        return f"must be a URL or a path: {fault}"
    if url.count(TOKEN) != 1 or TOKEN in urlsplit(url).netloc or not url.isprintable() or " " in url:
        return f"must be a URL with {TOKEN} once, after its host: https://host/page#token={TOKEN}"
    if origin.startswith("http:") and not is_loopback(url):
        return "must be https: a mailed link gives access to an account"
    return None
