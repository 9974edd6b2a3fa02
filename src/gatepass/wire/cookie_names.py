"""The names of the cookies (PROTOCOL §6), apart from `cookies`: a client needs them and none of the cryptography.

    https://example.com                         __Host-Http-gatepass              __Host-gatepass_state
    https://example.com:8443                    __Host-Http-gatepass_8443         __Host-gatepass_state_8443
    https://example.com, COOKIE_PATH /one/auth  __Secure-gatepass_one.auth        __Host-gatepass_state_one.auth
    http://localhost:8000                       gatepass_8000                     gatepass_state_8000

A sign-in at a provider has one more while it is under way: __Host-Http-gatepass-oidc_<11 characters>, with the marks of
port and path before them.

Where pages are rendered for people, two more are at / beside the state cookie: __Host-Http-gatepass_page, and for some
seconds __Host-gatepass_resumed, with the marks of port and path behind them.

Ports share a cookie jar, and the state cookie of every path is at /: so the mark of port and path keeps two gates on
one host apart. A client knows the port, and that the path is a part of its base URL: `state_names`.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

HOST_NAME = "__Host-Http-gatepass"
SECURE_NAME = "__Secure-gatepass"
STATE_NAME = "__Host-gatepass_state"
HOST_DEVICE_NAME = "__Host-gatepass-device"  # Chromium 156 binds no __Host-Http- cookie to a device
SECURE_DEVICE_NAME = "__Secure-gatepass-device"
PAGE_NAME = "__Host-Http-gatepass_page"
ERRAND_NAME = "__Host-Http-gatepass-oidc"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CookieNames(NamedTuple):
    """The names of one gate's two cookies."""

    refresh: str
    state: str

    @property
    def device(self) -> str:
        """The name of a third one, which shows the device of a session. Only over https."""
        return self.refresh.replace(HOST_NAME, HOST_DEVICE_NAME).replace(SECURE_NAME, SECURE_DEVICE_NAME)

    @property
    def page(self) -> str:
        """The name of the page cookie (PROTOCOL §10)."""
        return self.state.replace(STATE_NAME, PAGE_NAME).replace("gatepass_state", "gatepass_page")

    @property
    def resumed(self) -> str:
        """The name of the cookie by which the resume page says that it has just been tried."""
        return self.state.replace("gatepass_state", "gatepass_resumed")

    @property
    def errand(self) -> str:
        """How the names of those begin that a sign-in at a provider has while it is under way. At `/`, as the state."""
        return self.state.replace(STATE_NAME, ERRAND_NAME).replace("gatepass_state", "gatepass_oidc") + "_"


def names_of(public_url: str, *, path: str = "/") -> CookieNames:
    """The names for a gate at `public_url` whose refresh cookie has `path`."""
    url = urlsplit(public_url)
    steps = path.strip("/").replace("/", ".")
    if url.scheme == "http":
        marks = "".join(f"_{part}" for part in (url.port or 80, steps) if part)
        return CookieNames(f"gatepass{marks}", f"gatepass_state{marks}")
    port = url.port if url.port != _DEFAULT_PORTS["https"] else None
    marks = "".join(f"_{part}" for part in (port, steps) if part)
    return CookieNames((SECURE_NAME if steps else HOST_NAME) + marks, STATE_NAME + marks)


def state_names(base_url: str) -> tuple[str, ...]:
    """Every name that the state cookie of the endpoints at `base_url` may have, the longest path first.

    The first of them that the jar has is the one: so each of several gates on one host needs a COOKIE_PATH.
    """
    steps = urlsplit(base_url).path.strip("/").split("/")
    paths = ("/".join(steps[:count]) for count in range(len(steps), -1, -1))
    return tuple(dict.fromkeys(names_of(base_url, path=path).state for path in paths))
