"""Requests to other servers: which URLs are trusted, and one exchange that is bounded in time and size.

It blocks its thread. Code that asks for a request does so on a thread of its own (`oidc.fetch`); a follower has one
anyway (`remote.connection`).
"""

import contextlib
import http.client
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.wire.idna import ascii_url
from gatepass.wire.origin import is_loopback, is_loopback_host


class Proxy(NamedTuple):
    """Where a tunnel is asked for, and what that request says of us."""

    host: str
    port: int
    headers: Mapping[str, str]

    def __repr__(self) -> str:  # the headers may have a password
        return f"<proxy {self.host}:{self.port}>"


def proxy_for(host: str) -> Proxy | None:
    """The proxy that the environment names for https to a host: HTTPS_PROXY and NO_PROXY, in either case of letters.

    Raises OSError for one that cannot be used.
    """
    url = getproxies_environment().get("https")
    if not url or proxy_bypass(host):
        return None
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme != "http" or parts.hostname is None:
        raise OSError("HTTPS_PROXY must be an address such as http://proxy.example:3128")
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, parts.port or 80, headers)


class RemoteUrl:
    """An https URL of another gate; http is accepted on a loopback host only."""

    def __init__(self, url: str, *, purpose: str, context: ssl.SSLContext | None = None) -> None:
        """`purpose` begins the error messages; `context` is for a private certificate authority.

        Raises ConfigurationError.
        """
        parts = urlsplit(ascii_url(url))
        if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))):
            raise ConfigurationError(f"{purpose} needs an https URL with a host: {parts.scheme}://{parts.hostname}")
        if parts.username is not None or parts.fragment:
            raise ConfigurationError(f"{purpose} needs a URL without credentials and without a fragment.")
        self.host = parts.hostname
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._text = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._port = parts.port
        self._is_https = parts.scheme == "https"
        self._context = context

    def __str__(self) -> str:
        return self._text

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """An open connection. `timeout` is in seconds, for each step of an exchange. Raises OSError, HTTPException.

        To connect takes at most twice as long, however slowly a proxy or the server sends, at each address of the host.
        Through the proxy of HTTPS_PROXY, unless NO_PROXY has the host or it is this machine: the proxy opens a tunnel,
        and sees the name of the host alone.
        """
        connection = http.client.HTTPConnection(self.host, self._port, timeout=timeout)
        if self._is_https:
            context = self._context or ssl.create_default_context()
            proxy = None if is_loopback_host(self.host) else proxy_for(self.host)
            at = (self.host, self._port) if proxy is None else (proxy.host, proxy.port)
            connection = http.client.HTTPSConnection(*at, timeout=timeout, context=context)
            if proxy is not None:
                connection.set_tunnel(self.host, self._port or 443, proxy.headers)
        with _bounded(connection, timeout):
            connection.connect()  # OpenSSL's handshake has this timeout as a whole
        return connection


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to another server. Credentials in its headers and its body are opaque to crash reports."""

    url: RemoteUrl
    method: str = "GET"
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    body: Secret | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """The response to it, whole."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


def exchange(request: Outgoing, *, timeout: float, max_size: int) -> Incoming:
    """The response to a request. It blocks its thread, each step for at most `timeout` seconds, all for twice as long.

    Redirects are not followed: the address is part of the trust. The body has at most `max_size` bytes. Raises OSError,
    or HTTPException for what is no response of HTTP or is too long.
    """
    with contextlib.closing(request.url.connect(timeout)) as connection, _bounded(connection, timeout):
        connection.request(
            request.method,
            request.url.target,
            body=None if request.body is None else request.body.reveal().encode(),
            headers={name: _revealed(value) for name, value in request.headers.items()},
        )
        response = connection.getresponse()
        incoming = Incoming(response.status, response.headers.get_content_type(), response.read(max_size + 1))
    if len(incoming.body) > max_size:
        raise http.client.HTTPException(f"it has more than {max_size} bytes")
    return incoming


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


@contextlib.contextmanager
def _bounded(connection: http.client.HTTPConnection, timeout: float) -> Iterator[None]:
    """Let what is done meanwhile take `timeout` seconds in all. Raises TimeoutError.

    The timeout of a socket counts for each read; a server that sends a byte now and then must not hold the thread.
    """
    is_over = threading.Event()
    before = connection.sock
    """Of an open connection: it forgets its socket when it has the head of a response that ends with it."""

    def end() -> None:
        is_over.set()
        with contextlib.suppress(OSError, AttributeError):  # it has ended already, or is not connected yet
            (before or connection.sock).shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(timeout, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not is_over.is_set():
            raise
    finally:
        watchdog.cancel()
    if is_over.is_set():
        connection.close()
        raise TimeoutError(f"it takes longer than {timeout:g} s")
