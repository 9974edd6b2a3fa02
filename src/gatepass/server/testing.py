"""Testing mode: where the endpoint by which end-to-end tests sign in may exist, and who may call it.

It makes a session for any address without a password, so nothing about it is left to care:

    at the start    the public URL and the stores are on this machine, or the gate is refused
    each request    the socket, the Host and each hop that a proxy names are on this machine, or it is a 403

A production server has a public URL that people reach, so it does not start with the setting. A gate that listens on
all addresses by mistake still answers its own machine alone; a page of another site, also after DNS rebinding, sends
its own Host or Origin.
"""

from urllib.parse import urlsplit

from gatepass.errors import ConfigurationError
from gatepass.server.http import Request
from gatepass.stores.urls import remote_hosts_of
from gatepass.wire.origin import cross_site, is_loopback, is_loopback_host

PATH = "/testing/sessions"


def check_testing(public_url: str, *stores: object) -> None:
    """Raise ConfigurationError unless public URL and stores (URLs; others are not looked at) are on this machine."""
    faults = []
    if not is_loopback(public_url):
        faults.append(
            "`testing` signs in without a password, so `public_url` must be on a loopback host, such as "
            f"http://localhost:8000; production must not set it: {public_url}"
        )
    for name, store in zip(("store", "sessions"), stores, strict=False):
        if isinstance(store, str) and (remote := _remote_hosts(store)):
            faults.append(
                f"`testing` makes accounts, so `{name}` must be on this machine (SQLite, memory://, or a server on a "
                f"loopback host), not on {remote[0]}."
            )
    if faults:
        raise ConfigurationError("\n".join(faults))


def refuse_other_machines(request: Request) -> None:
    """Raise Forbidden (`cross-site`) for a request that did not come from this machine, or names another."""
    headers = request.headers
    hops = [hop.strip() for line in headers.all(b"x-forwarded-for") for hop in line.split(",")]
    # None: a Unix socket. `Forwarded` (RFC 7239) is sent by no proxy of development.
    places = [request.peer or "localhost", _host_of(headers.one(b"host") or ""), *hops]
    if b"forwarded" in headers or not all(map(is_loopback_host, places)):
        raise cross_site("The testing endpoint answers requests that come from its own machine, to localhost.")


def _host_of(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _remote_hosts(url: str) -> list[str]:
    try:
        return remote_hosts_of(url)
    except ValueError:
        return []  # the store itself says what is wrong with its URL
