"""The address of the auth endpoints."""

from typing import Any

from gatepass.client.http import httpx
from gatepass.errors import ConfigurationError
from gatepass.wire.origin import is_loopback, origin_of


def join_url(base_url: Any, auth_url: str) -> str:
    """Return the whole address of the auth endpoints; "" if there is no origin to join `auth_url` to."""
    if auth_url.startswith(("http://", "https://")):
        return auth_url
    base = httpx.URL(str(base_url))
    return str(base.join(auth_url)) if base.host else ""


def check_address(auth_url: str) -> None:
    """Raise ConfigurationError for an address to which no password may be sent."""
    if not auth_url.startswith(("http://", "https://")):
        raise ConfigurationError(
            "There is no address to sign in at. Give the client a base_url with its scheme (https://…), "
            "or a whole auth_url."
        )
    if origin_of(auth_url).startswith("http:") and not is_loopback(auth_url):
        raise ConfigurationError(f"{auth_url} is not https: the password would cross the network in the clear.")
