"""What browsers are told: cookies, allowed origins, HSTS, and which proxies say where a request came from.

    Gatepass(..., browsers=Browsers(origins=["https://app.example.com"], same_site="none"))

Browsers drop a cookie that does not fit its URL without a word, so what does not go together is refused here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from gatepass.core.options import drop_empty_texts
from gatepass.errors import ConfigurationError
from gatepass.wire.address import Proxies
from gatepass.wire.cookies import SameSite
from gatepass.wire.origin import Hsts, check_public_url, foreign_origin

DeviceBound = Literal["off", "allow"]
_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)+/?", re.ASCII)
"""Its steps are a part of the cookies' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsers:
    """The options of a gate that concern browsers and what stands between them and the server."""

    origins: Iterable[str] = ()
    """Origins besides the gate's own whose pages may sign in and refresh, exactly as browsers send them:
    https://app.example.com, capacitor://localhost, tauri://localhost, chrome-extension://<id>."""
    cookie_path: str = "/"
    """The Path of the refresh cookie, such as / or /auth."""
    earlier_cookie_path: str | None = None
    """What `cookie_path` was before a change, until every client has refreshed: both cookies are read meanwhile."""
    same_site: SameSite = "strict"
    """`none` is for pages of another site and needs https."""
    device_bound: DeviceBound = "off"
    """Experimental. `allow`: a browser that has Device Bound Session Credentials binds its sessions to a key in the
    device's hardware (PROTOCOL §11)."""
    hsts: Hsts | None = None
    """Strict-Transport-Security (RFC 6797): `subdomains`, `host`, or `off` where a proxy sends it. None is `host` where
    the endpoints are mounted in an application, and `subdomains` with `gatepass serve`."""
    trusted_proxies: Iterable[str] = ()
    """Networks such as 10.0.0.0/8 whose X-Forwarded-For counts; `unix` is every peer on a Unix socket."""
    private_clients: bool = False
    """Clients may have private addresses (an intranet). Else such an address is taken for a proxy that is not listed,
    and its network is unknown."""

    def __post_init__(self) -> None:
        drop_empty_texts(self)
        for name in ("origins", "trusted_proxies"):
            if isinstance(getattr(self, name), str):
                raise ConfigurationError(f"`{name}` must be a list of texts, not one text.")
        object.__setattr__(self, "origins", tuple(self.origins))
        object.__setattr__(self, "trusted_proxies", tuple(self.trusted_proxies))
        faults: list[str] = []
        for check in (self._check_origins, self._check_path, self._check_words, self._check_proxies):
            try:
                check()
            except ConfigurationError as fault:
                faults.append(str(fault))
        if faults:
            raise ConfigurationError("\n".join(faults))

    @property
    def proxies(self) -> Proxies:
        """Whose X-Forwarded-For is believed."""
        return Proxies.parse(self.trusted_proxies, private_clients=self.private_clients)

    def check_url(self, public_url: str) -> None:
        """Raise ConfigurationError for a public URL that cookies of these options would not reach."""
        check_public_url(public_url)
        if self.same_site == "none" and not public_url.startswith("https:"):
            raise ConfigurationError(
                "`same_site` none needs an https `public_url`: browsers drop such cookies otherwise."
            )

    def _check_origins(self) -> None:
        try:
            for text in self.origins:
                foreign_origin(text)
        except ConfigurationError as fault:
            raise ConfigurationError(f"`origins`: {fault}") from None

    def _check_path(self) -> None:
        for name, path in (("cookie_path", self.cookie_path), ("earlier_cookie_path", self.earlier_cookie_path)):
            if path is not None and not _PATH.fullmatch(path):
                raise ConfigurationError(
                    f"`{name}` must be an absolute path of letters, digits and . _ ~ -, such as / or /auth."
                )
        if self.cookie_path.rstrip("/").endswith("/refresh"):
            raise ConfigurationError(
                "`cookie_path` must not be the refresh endpoint alone, since signing in and out need the cookie too. "
                "Take the path that all endpoints are under, such as /auth."
            )

    def _check_words(self) -> None:
        for name, value, words in (
            ("same_site", self.same_site, SameSite),
            ("hsts", self.hsts or "host", Hsts),
            ("device_bound", self.device_bound, DeviceBound),
        ):
            if value not in get_args(words):
                raise ConfigurationError(f"`{name}` must be one of {', '.join(get_args(words))}.")
        if self.device_bound == "allow" and self.same_site == "none":
            raise ConfigurationError(
                "`device_bound` must be off with `same_site` none: browsers bind no partitioned cookie to a device."
            )

    def _check_proxies(self) -> None:
        Proxies.parse(self.trusted_proxies)
