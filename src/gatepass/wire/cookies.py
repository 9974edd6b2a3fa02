"""The two cookies: the refresh token, which no script reads, and the state that a page may read.

    __Host-Http-gatepass    refresh token; HttpOnly, and by its prefix settable by a server only
    __Host-gatepass_state   <sid>.<generation>.<expiry>: tells a page that a session exists (PROTOCOL §5, §6)

A narrower path turns the first into `__Secure-gatepass`. Over plain http on a loopback host, for
development, prefixes are impossible and ports share cookies: `gatepass_<port>` and `gatepass_state_<port>`.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from gatepass.core.refresh_token import RefreshToken
from gatepass.core.secret import Secret
from gatepass.wire.cookie_names import HOST_NAME, SECURE_NAME, STATE_NAME
from gatepass.wire.headers import RawHeaders

SameSite = Literal["strict", "lax", "none"]
_SPACE = bytes(code for code in range(256) if chr(code).isspace())
"""What str.strip() takes for space, in Latin-1."""


@dataclass(frozen=True, slots=True)
class Cookies:
    """How this gate names and marks its cookies. `refresh_names` are all that are read, the configured one first."""

    refresh_names: tuple[str, ...]
    state_name: str
    path: str = "/"
    secure: bool = True
    same_site: SameSite = "strict"

    @classmethod
    def for_url(cls, public_url: str, *, path: str = "/", same_site: SameSite = "strict") -> "Cookies":
        """The rules for a gate at `public_url`: it decides `Secure` and the prefix, never the Host header."""
        url = urlsplit(public_url)
        if url.scheme == "http":
            port = url.port or 80
            return cls((f"gatepass_{port}",), f"gatepass_state_{port}", path=path, secure=False, same_site=same_site)
        names = (HOST_NAME, SECURE_NAME) if path == "/" else (SECURE_NAME, HOST_NAME)
        return cls(names, STATE_NAME, path=path, same_site=same_site)

    def read(self, values: Iterable[str]) -> list[tuple[str, Secret]]:
        """All refresh tokens among Cookie header `values`, as (name, text). Names match exactly."""
        return [(name, Secret(text)) for name, text in _pairs(values) if name in self.refresh_names]

    def issue(
        self, token: RefreshToken, text: str, *, remember: bool, now: int, stale: Iterable[str] = ()
    ) -> list[str]:
        """The Set-Cookie values that hand out a refresh token, and expire the names in `stale`.

        `remember` makes them outlive the browser, for what is left of the token (seconds from `now`).
        """
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        return [
            f"{self.refresh_names[0]}={text}{self._marks(self.path)}; HttpOnly{lasting}",
            self.state(token, remember=remember, now=now),
            *stale,
        ]

    def state(self, token: RefreshToken, *, remember: bool, now: int) -> str:
        """The Set-Cookie value of the state that goes with `token`."""
        value = f"{token.sid.hex()}.{token.generation}.{token.expires_at}"
        lasting = f"; Max-Age={max(0, token.expires_at - now)}" if remember else ""
        return f"{self.state_name}={value}{self._marks('/')}{lasting}"

    def clear(self) -> list[str]:
        """The Set-Cookie values that delete both cookies: only logout does this (PROTOCOL §6)."""
        return [
            f"{self.refresh_names[0]}={self._marks(self.path)}; HttpOnly; Max-Age=0",
            f"{self.state_name}={self._marks('/')}; Max-Age=0",
        ]

    def expire_other(self, received: Sequence[tuple[str, Secret]], request_path: str) -> list[str]:
        """Set-Cookie values that delete refresh cookies under a name that is no longer the configured one.

        The path it was set with is not known any more, but it is a prefix of the path that it was sent to.
        """
        others = {name for name, _ in received} - {self.refresh_names[0]}
        if SECURE_NAME in others:
            # Quoted as browsers send it: a mount may have a parameter, and a caller must not write our headers.
            steps = quote(request_path, safe="/:@!$&'()*+=~").strip("/").split("/")
            paths = ["/", *("/" + "/".join(steps[: count + 1]) for count in range(len(steps)))]
            return [f"{SECURE_NAME}={self._marks(path)}; HttpOnly; Max-Age=0" for path in paths]
        return [f"{name}={self._marks('/')}; HttpOnly; Max-Age=0" for name in others]

    def withhold(self, headers: RawHeaders) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Split raw request headers: what an application may see, and the Cookie text that it may not."""
        kept: list[tuple[bytes, bytes]] = []
        held: list[bytes] = []
        named = _finder(self.refresh_names)
        for name, value in headers:
            if name != b"cookie" or named(value) is None:
                kept.append((name, value))
                continue
            rest: list[bytes] = []
            for crumb in value.split(b";"):
                # Wider than `read`: an application's cookie parser may take more for space than we do.
                ours = crumb.partition(b"=")[0].strip(_SPACE).decode("latin-1") in self.refresh_names
                (held if ours else rest).append(crumb.strip(b" \t"))
            if rest:
                kept.append((name, b"; ".join(rest)))
        return kept, b"; ".join(held)

    def _marks(self, path: str) -> str:
        return _marks(path, self.secure, self.same_site)


@functools.lru_cache
def _marks(path: str, secure: bool, same_site: SameSite) -> str:
    """The attributes that both cookies have."""
    secured = "; Secure" if secure else ""
    partitioned = "; Partitioned" if same_site == "none" and secure else ""
    return f"; Path={path}{secured}; SameSite={same_site.capitalize()}{partitioned}"


@functools.lru_cache
def _finder(names: tuple[str, ...]) -> Callable[[bytes], object]:
    """A function that says whether a text contains any of `names`, in the time that a warm guard has."""
    return re.compile(b"|".join(re.escape(name.encode()) for name in names)).search


def _pairs(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        for crumb in value.split(";"):
            # Not strip(): it takes more for space than browsers do, which then would not enforce the name's prefix.
            name, equals, text = crumb.strip(" \t").partition("=")
            if equals:
                yield name, text
