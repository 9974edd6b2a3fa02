"""The cookies: the refresh token, which no script reads, the state that a page may read, and the page token.

    __Host-Http-gatepass        refresh token; HttpOnly, and by its prefix settable by a server only
    __Host-gatepass_state       <sid>.<generation>.<challenge>.<expiry>: tells a page of its session (PROTOCOL §5)
    __Host-Http-gatepass_page   page token, for pages that a server renders (PROTOCOL §10); with the setting alone

`cookie_names` has the other names that they can have. A token counts only under the kind of name that it was issued
for, its channel: what a script or a sibling subdomain can plant under a weaker name is malformed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.core.secret import Secret
from gatepass.wire.cookie_names import (
    HOST_DEVICE_NAME,
    HOST_NAME,
    PAGE_NAME,
    SECURE_DEVICE_NAME,
    SECURE_NAME,
    CookieNames,
    names_of,
)
from gatepass.wire.headers import RawHeaders

SameSite = Literal["strict", "lax", "none"]
_SPACE = bytes(code for code in range(256) if chr(code).isspace())
"""What str.strip() takes for space, in Latin-1."""
_MARK = "[A-Za-z0-9._~-]+"
REFRESH_NAMES = (
    f"(?:{HOST_NAME}|{HOST_DEVICE_NAME})(?:_[0-9]+)?|(?:{SECURE_NAME}|{SECURE_DEVICE_NAME})(?:_{_MARK})?"
    f"|gatepass_(?:page_)?[0-9]+(?:_{_MARK})?|{PAGE_NAME}(?:_{_MARK})?"
)
"""A refresh cookie of any gate, or one of a device or of pages, as a pattern: those of another port of this host no
application must see either."""
_KEY = re.compile("[A-Za-z0-9_-]{11}", re.ASCII)
_REFRESH_NAME = re.compile(REFRESH_NAMES.encode(), re.ASCII)
_IN_ALL_NAMES = b"gatepass"
"""What every one of those has: most cookies of an application are passed over by it alone."""


class Received(NamedTuple):
    """A refresh cookie of a request, and the channel of the name under which it came."""

    channel: Channel
    text: Secret


@dataclass(frozen=True, slots=True)
class Place:
    """Where one gate keeps its cookies: their names, the path of the refresh cookie, and its channel."""

    names: CookieNames
    path: str
    channel: Channel

    @classmethod
    def at(cls, public_url: str, path: str) -> "Place":
        """The place for a gate at `public_url` under a COOKIE_PATH: they decide the prefix, never the Host header."""
        names = names_of(public_url, path=path)
        if not public_url.startswith("https:"):
            return cls(names, path, Channel.LOOPBACK)
        return cls(names, path, Channel.PATH if names.refresh.startswith(SECURE_NAME) else Channel.HOST)


@dataclass(frozen=True, slots=True)
class Cookies:
    """How this gate names and marks its cookies; no other names are read.

    There is an `earlier` place while a change of COOKIE_PATH is under way. The state cookie is always at `/`, and so is
    that of pages, which only a gate that `has_pages` sets and reads.
    """

    place: Place
    earlier: Place | None = None
    secure: bool = True
    same_site: SameSite = "strict"
    has_pages: bool = False
    _channels: Mapping[str, Channel] = field(init=False, repr=False, compare=False)
    _marks: str = field(init=False, repr=False, compare=False)
    """The attributes of a refresh cookie at `place`."""
    _state_marks: str = field(init=False, repr=False, compare=False)
    """Lax with pages: a server must see on the way of a link from another site that a session exists."""

    def __post_init__(self) -> None:
        channels = {place.names.refresh: place.channel for place in self._places()}
        of_state: SameSite = "lax" if self.has_pages and self.same_site == "strict" else self.same_site
        object.__setattr__(self, "_channels", channels)
        object.__setattr__(self, "_marks", _attributes(self.place.path, self.secure, self.same_site))
        object.__setattr__(self, "_state_marks", _attributes("/", self.secure, of_state))

    @classmethod
    def for_url(
        cls,
        public_url: str,
        *,
        path: str = "/",
        earlier_path: str | None = None,
        same_site: SameSite = "strict",
        has_pages: bool = False,
    ) -> "Cookies":
        """The rules for a gate at `public_url`; on plain http, which is for a loopback host, without `Secure`."""
        place = Place.at(public_url, path)
        earlier = Place.at(public_url, earlier_path) if earlier_path is not None and earlier_path != path else None
        secure = public_url.startswith("https:")
        return cls(place, earlier, secure=secure, same_site=same_site, has_pages=has_pages)

    def read(self, values: Iterable[str]) -> list[Received]:
        """All refresh tokens among Cookie header `values`. Names match exactly."""
        channels = self._channels
        return [Received(channels[name], Secret(text)) for name, text in _pairs(values) if name in channels]

    def read_device(self, values: Iterable[str]) -> list[str]:
        """The cookies of devices among Cookie header `values`."""
        names = {place.names.device for place in self._places()}
        return [text for name, text in _pairs(values) if name in names]

    def device(self, text: str, *, max_age: int) -> str:
        """The Set-Cookie value that hands out the cookie of a device for `max_age` seconds; 0 deletes it."""
        return f"{self.place.names.device}={text}; {self.device_attributes}; Max-Age={max_age}"

    @property
    def device_attributes(self) -> str:
        """What browsers must find in that value, but for Max-Age."""
        return f"{self._marks.removeprefix('; ')}; HttpOnly"

    def read_page(self, values: Iterable[str]) -> list[str]:
        """The page tokens among Cookie header `values`. More than one is possible over plain http alone."""
        return [text for name, text in _pairs(values) if name == self.place.names.page] if self.has_pages else []

    def page(self, text: str, *, max_age: int | None) -> str:
        """The Set-Cookie value that hands out a page token for `max_age` seconds, or while the browser runs.

        Lax whatever `same_site` is: a link from another site opens the page, and no request of another site's page
        has the cookie.
        """
        return self._page(self.place, text, max_age=max_age)

    def names_session(self, values: Iterable[str]) -> bool:
        """Whether a state cookie among Cookie header `values` says that a session exists. A hint: scripts set it."""
        names = {place.names.state for place in self._places()}
        return any(name in names and text for name, text in _pairs(values))

    def was_resumed(self, values: Iterable[str]) -> bool:
        """Whether the resume page was tried just now, by Cookie header `values`."""
        return any(name == self.place.names.resumed for name, _ in _pairs(values))

    def issue(self, token: RefreshToken, text: str, *, remember: bool, now: int) -> list[str]:
        """The Set-Cookie values that hand out a refresh token, and expire those of the earlier place.

        `remember` makes them outlive the browser, for what is left of the token (seconds from `now`).
        """
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        refresh = f"{self.place.names.refresh}={text}{self._marks}; HttpOnly{lasting}"
        moved = [self._expired(self.earlier)] if self.earlier else []
        if self.earlier and self.has_pages and self.earlier.names.page != self.place.names.page:
            moved.append(self._page(self.earlier, "", max_age=0))
        return [refresh, *moved, *self.state(token, remember=remember, now=now)]

    def state(self, token: RefreshToken, *, remember: bool, now: int) -> list[str]:
        """The Set-Cookie values of the state that goes with `token`; one that a page would read instead expires."""
        value = f"{token.sid.hex()}.{token.generation}.{token.challenge}.{token.expires_at}"
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        has_moved = self.earlier is not None and self.earlier.names.state != self.place.names.state
        moved = [self._expired_state(self.earlier)] if self.earlier and has_moved else []
        return [f"{self.place.names.state}={value}{self._state_marks}{lasting}", *moved]

    def clear(self) -> list[str]:
        """The Set-Cookie values that delete all these cookies: only logout does this (PROTOCOL §6)."""
        pages = [self._page(place, "", max_age=0) for place in self._places()] if self.has_pages else []
        both = [text for place in self._places() for text in (self._expired(place), self._expired_state(place))]
        return [*both, *dict.fromkeys(pages)]

    def errand_name(self, key: str) -> str:
        """The name of the cookie of one sign-in at a provider, by its key of 11 characters."""
        return self.place.names.errand + key

    def errand(self, name: str, text: str, *, max_age: int, cross_site: bool = False) -> str:
        """The Set-Cookie value of such a cookie; a `max_age` of 0 seconds deletes it.

        Lax: it must come along when the provider sends the browser back. None for `cross_site`, a form of the provider.
        """
        secured = "; Secure" if self.secure else ""
        same_site = "None" if cross_site and self.secure else "Lax"
        return f"{name}={text}; Path=/{secured}; SameSite={same_site}; HttpOnly; Max-Age={max_age}"

    def read_errands(self, values: Iterable[str]) -> list[tuple[str, str]]:
        """Names and texts of the sign-ins at providers among Cookie header `values`."""
        begins = self.place.names.errand
        return [pair for pair in _pairs(values) if pair[0].startswith(begins) and _is_key(pair[0][len(begins) :])]

    def withhold(self, headers: RawHeaders) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Split raw request headers: what an application may see, and the Cookie text that it may not.

        The page cookie of this gate stays: what an application renders with it may be kept by a cache inside, which
        must see by the Cookie header that two people differ.
        """
        kept: list[tuple[bytes, bytes]] = []
        held: list[bytes] = []
        for header in headers:
            name, value = header
            if name != b"cookie" or _IN_ALL_NAMES not in value:
                kept.append(header)
                continue
            rest: list[bytes] = []
            for crumb in value.split(b";"):
                crumb = crumb.strip(b" \t")
                # Wider than `read`: an application's cookie parser may take more for space than we do.
                if _IN_ALL_NAMES in crumb and self._is_withheld(crumb.partition(b"=")[0].strip(_SPACE)):
                    held.append(crumb)
                else:
                    rest.append(crumb)
            if rest:
                kept.append((name, b"; ".join(rest)))
        return kept, b"; ".join(held)

    def _is_withheld(self, name: bytes) -> bool:
        return _REFRESH_NAME.fullmatch(name) is not None and not (self.has_pages and self._is_page(name))

    def _places(self) -> Sequence[Place]:
        return (self.place,) if self.earlier is None else (self.place, self.earlier)

    def _is_page(self, name: bytes) -> bool:
        return name.decode("latin-1") == self.place.names.page

    def _page(self, place: Place, text: str, *, max_age: int | None) -> str:
        secured = "; Secure" if self.secure else ""
        lasting = "" if max_age is None else f"; Max-Age={max_age}"
        return f"{place.names.page}={text}; Path=/{secured}; SameSite=Lax; HttpOnly{lasting}"

    def _expired(self, place: Place) -> str:
        marks = _attributes(place.path, self.secure, self.same_site)
        return f"{place.names.refresh}={marks}; HttpOnly; Max-Age=0"

    def _expired_state(self, place: Place) -> str:
        return f"{place.names.state}={self._state_marks}; Max-Age=0"


def _attributes(path: str, secure: bool, same_site: SameSite) -> str:
    """The attributes that both cookies have."""
    secured = "; Secure" if secure else ""
    partitioned = "; Partitioned" if same_site == "none" and secure else ""
    return f"; Path={path}{secured}; SameSite={same_site.capitalize()}{partitioned}"


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def has_refresh_cookie(text: str) -> bool:
    """Whether a Cookie header may name a refresh cookie of any gate."""
    return "gatepass" in text


def _pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        for crumb in value.split(";"):
            # Not strip(): it takes more for space than browsers do, which then would not enforce the name's prefix.
            name, equals, text = crumb.strip(" \t").partition("=")
            if equals:
                pairs.append((name, text))
    return pairs
