"""The two cookies: the refresh token, which no script reads, and the state that a page may read.

    __Host-Http-gatepass    refresh token; HttpOnly, and by its prefix settable by a server only
    __Host-gatepass_state   <sid>.<generation>.<challenge>.<expiry>: tells a page of its session (PROTOCOL §5)

`cookie_names` has the other names that they can have. A token counts only under the kind of name that it was issued
for, its channel: what a script or a sibling subdomain can plant under a weaker name is malformed.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.core.secret import Secret
from gatepass.wire.cookie_names import (
    HOST_DEVICE_NAME,
    HOST_NAME,
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
    f"|gatepass_[0-9]+(?:_{_MARK})?"
)
"""A refresh cookie of any gate, or one of a device, as a pattern: those of another port of this host no application
must see either."""
_KEY = re.compile("[A-Za-z0-9_-]{11}", re.ASCII)
_REFRESH_NAME = re.compile(REFRESH_NAMES.encode(), re.ASCII)
_REFRESH_BEGINS = re.compile(f"{HOST_NAME}|{HOST_DEVICE_NAME}|{SECURE_NAME}|gatepass_[0-9]".encode(), re.ASCII)


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

    There is an `earlier` place while a change of COOKIE_PATH is under way. The state cookie is always at `/`.
    """

    place: Place
    earlier: Place | None = None
    secure: bool = True
    same_site: SameSite = "strict"

    @classmethod
    def for_url(
        cls, public_url: str, *, path: str = "/", earlier_path: str | None = None, same_site: SameSite = "strict"
    ) -> "Cookies":
        """The rules for a gate at `public_url`; on plain http, which is for a loopback host, without `Secure`."""
        place = Place.at(public_url, path)
        earlier = Place.at(public_url, earlier_path) if earlier_path is not None and earlier_path != path else None
        return cls(place, earlier, secure=public_url.startswith("https:"), same_site=same_site)

    def read(self, values: Iterable[str]) -> list[Received]:
        """All refresh tokens among Cookie header `values`. Names match exactly."""
        channels = {place.names.refresh: place.channel for place in self._places()}
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
        return f"{self._marks(self.place.path).removeprefix('; ')}; HttpOnly"

    def issue(self, token: RefreshToken, text: str, *, remember: bool, now: int) -> list[str]:
        """The Set-Cookie values that hand out a refresh token, and expire those of the earlier place.

        `remember` makes them outlive the browser, for what is left of the token (seconds from `now`).
        """
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        refresh = f"{self.place.names.refresh}={text}{self._marks(self.place.path)}; HttpOnly{lasting}"
        moved = [self._expired(self.earlier)] if self.earlier else []
        return [refresh, *moved, *self.state(token, remember=remember, now=now)]

    def state(self, token: RefreshToken, *, remember: bool, now: int) -> list[str]:
        """The Set-Cookie values of the state that goes with `token`; one that a page would read instead expires."""
        value = f"{token.sid.hex()}.{token.generation}.{token.challenge}.{token.expires_at}"
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        has_moved = self.earlier is not None and self.earlier.names.state != self.place.names.state
        moved = [self._expired_state(self.earlier)] if self.earlier and has_moved else []
        return [f"{self.place.names.state}={value}{self._marks('/')}{lasting}", *moved]

    def clear(self) -> list[str]:
        """The Set-Cookie values that delete both cookies: only logout does this (PROTOCOL §6)."""
        return [text for place in self._places() for text in (self._expired(place), self._expired_state(place))]

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
        """Split raw request headers: what an application may see, and the Cookie text that it may not."""
        kept: list[tuple[bytes, bytes]] = []
        held: list[bytes] = []
        for name, value in headers:
            if name != b"cookie" or _REFRESH_BEGINS.search(value) is None:
                kept.append((name, value))
                continue
            rest: list[bytes] = []
            for crumb in value.split(b";"):
                # Wider than `read`: an application's cookie parser may take more for space than we do.
                ours = _REFRESH_NAME.fullmatch(crumb.partition(b"=")[0].strip(_SPACE))
                (held if ours else rest).append(crumb.strip(b" \t"))
            if rest:
                kept.append((name, b"; ".join(rest)))
        return kept, b"; ".join(held)

    def _places(self) -> Sequence[Place]:
        return (self.place,) if self.earlier is None else (self.place, self.earlier)

    def _expired(self, place: Place) -> str:
        return f"{place.names.refresh}={self._marks(place.path)}; HttpOnly; Max-Age=0"

    def _expired_state(self, place: Place) -> str:
        return f"{place.names.state}={self._marks('/')}; Max-Age=0"

    def _marks(self, path: str) -> str:
        return _marks(path, self.secure, self.same_site)


@functools.lru_cache
def _marks(path: str, secure: bool, same_site: SameSite) -> str:
    """The attributes that both cookies have."""
    secured = "; Secure" if secure else ""
    partitioned = "; Partitioned" if same_site == "none" and secure else ""
    return f"; Path={path}{secured}; SameSite={same_site.capitalize()}{partitioned}"


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def has_refresh_cookie(text: str) -> bool:
    """Whether a Cookie header may name a refresh cookie of any gate."""
    return _REFRESH_BEGINS.search(text.encode("latin-1", "replace")) is not None


def _pairs(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        for crumb in value.split(";"):
            # Not strip(): it takes more for space than browsers do, which then would not enforce the name's prefix.
            name, equals, text = crumb.strip(" \t").partition("=")
            if equals:
                yield name, text
