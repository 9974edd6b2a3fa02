"""Pages that a server renders for a person (PROTOCOL §10): the options of a gate that lets them.

    Gatepass(..., pages=Pages(sign_in_page="/sign-in"))

A navigation of a browser has cookies and no access token. So with these options every answer that brings a refresh
token brings a page cookie too, which opens what a route says is a page, for reading alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from gatepass.core.options import drop_empty_texts
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.errors import ConfigurationError
from gatepass.wire.return_to import is_safe

MAX_PAGE_TTL = DAY
MAX_PAGE_TOKEN = 4000
"""Characters: browsers drop a cookie whose name and value have more than 4,096 (RFC 6265bis §5.6)."""
MAX_NEXT = 4096
"""Characters of the address to which the resume page goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How long a page cookie opens pages, and where a person without one is sent. Raises ConfigurationError."""

    page_ttl: int | None = None
    """Seconds, at most a day. None: the life of an access token. A copied page cookie reads pages for so long."""
    sign_in_page: str | None = None
    """The path of the application's page where people sign in. It gets `next` in its query, and from the resume page
    also `reason`. None: a page that needs a person responds with 401."""
    auth_path: str = "/auth"
    """The path at which browsers reach the auth endpoints: the resume page is below it."""

    def __post_init__(self) -> None:
        drop_empty_texts(self)
        if faults := list(self._faults()):
            raise ConfigurationError("\n".join(faults))

    def _faults(self) -> Iterator[str]:
        if self.page_ttl is not None and not MINUTE <= self.page_ttl <= MAX_PAGE_TTL:
            yield f"`page_ttl` must be 1 minute to {MAX_PAGE_TTL // HOUR} hours."
        for name, path in (("sign_in_page", self.sign_in_page), ("auth_path", self.auth_path)):
            if path is not None and not (
                is_safe(path) and "#" not in path and (name != "auth_path" or "?" not in path)
            ):
                yield f"`{name}` must be a path of this host, such as /{'auth' if name == 'auth_path' else 'sign-in'}."

    def resume(self, target: str, *, is_optional: bool = False) -> str:
        """The address of the resume page that goes on to `target`, a path with its query."""
        optional = "&optional=1" if is_optional else ""
        return f"{self.auth_path.rstrip('/')}/resume?next={_encoded(target)}{optional}"

    def sign_in(self, target: str) -> str | None:
        """The address of the page where people sign in, on their way to `target`; None without such a page."""
        if self.sign_in_page is None:
            return None
        return f"{self.sign_in_page}{'&' if '?' in self.sign_in_page else '?'}next={_encoded(target)}"


def is_next(target: str) -> bool:
    """Whether the resume page may go on there: a plain path of this origin."""
    return is_safe(target, longest=MAX_NEXT)


def _encoded(target: str) -> str:
    """As a value in a query. What is no plain path, which a browser does not ask for by itself, becomes /."""
    return quote(target if is_next(target) else "/", safe="/~")
