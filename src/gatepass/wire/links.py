"""The link in a query: taken out before an application sees the request, and what its response must say.

    GET /files/7?size=large&gp_link=gp_ln_…      the application, its log and its redirects see ?size=large

An address with a link opens a path for its holder. So the response is for no shared cache, and no page that it
opens tells the address to another site (Referrer-Policy).
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

PARAMETER = "gp_link"
LINK = "gatepass.link"
"""The key of the AskedLink in a scope or an environ."""
_BEGINS = PARAMETER + "="
_OPENING = re.compile(r"(?:https?://[^/?#\s]+)?/(?![/\\])", re.IGNORECASE | re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\\ufffd]")
_IN_PATH = "%/:@!$&'()*+,;=~-._"
_IN_QUERY = _IN_PATH + "?[]|^`{}"
_SHARED = re.compile(r"public|s-maxage\s*=.*|must-understand", re.IGNORECASE)
NO_REFERRER = (b"referrer-policy", b"no-referrer")


@dataclass(frozen=True, slots=True, repr=False)
class AskedLink:
    """The link of one request, and what it was asked for. `text` is "" where several came."""

    text: str
    method: str
    path: str
    query: str


def has_link(query: bytes | str) -> bool:
    """Whether a query may have a link. Cheap: it is asked of every request."""
    return b"gp_link=" in query if isinstance(query, bytes) else _BEGINS in query


def split_query(query: str) -> tuple[str, str | None]:
    """A query without its link, and the link: None where there is none, "" where there are several."""
    members = query.split("&")
    found = [member[len(_BEGINS) :] for member in members if member.startswith(_BEGINS)]
    rest = "&".join(member for member in members if not member.startswith(_BEGINS))
    return rest, None if not found else found[0] if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a link is made for, as a browser will send it. `path` is percent-decoded, `query` is not."""

    before: str
    """Scheme and host, or nothing, and the encoded path."""
    path: str
    query: str
    fragment: str

    @classmethod
    def read(cls, url: str) -> "Address":
        """Read `/files/7`, `/files/7?size=large`, or an absolute http(s) URL. Raises ValueError for anything else.

        What browsers and servers would read differently is refused: backslashes, dot segments, control characters.
        """
        if _OPENING.match(url) is None or _CONTROL.search(url) or has_link(url):
            raise ValueError("a link is for a path that begins with one slash, or for an http(s) URL, without a link")
        parts = urlsplit(url)
        path = unquote(parts.path)
        if _CONTROL.search(path) or not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError("a link is for one path in UTF-8, without dot segments and control characters")
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        encoded = origin + quote(parts.path, safe=_IN_PATH)
        return cls(encoded, path, quote(parts.query, safe=_IN_QUERY), parts.fragment)

    def with_link(self, text: str) -> str:
        """The address with a link as the last member of its query."""
        query = f"{self.query}&{_BEGINS}{text}" if self.query else _BEGINS + text
        return f"{self.before}?{query}" + (f"#{self.fragment}" if self.fragment else "")


def privately(cache_control: str | None) -> str:
    """The Cache-Control of a response to a link: what the application says, for no shared cache (RFC 9111 §5.2.2).

    Where it says nothing, browsers ask each time whether theirs still counts: they would keep what has a Last-Modified.
    """
    if not cache_control:
        return "private, no-cache"
    said = [each.strip() for each in cache_control.split(",")]
    kept = [each for each in said if each and _SHARED.fullmatch(each) is None]
    is_private = any(each.lower() in ("private", "no-store") for each in kept)
    return ", ".join(kept if is_private else ["private", *kept])


def private_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a response to a link."""
    said = [value.decode("latin-1") for name, value in headers if name.lower() == b"cache-control"]
    kept = [pair for pair in headers if pair[0].lower() not in (b"cache-control", b"referrer-policy")]
    return [*kept, (b"cache-control", privately(", ".join(said)).encode("latin-1")), NO_REFERRER]
