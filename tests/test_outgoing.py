"""Requests to other servers through the proxy of the environment."""

import base64
import contextlib
import http.client
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepass.outgoing import Outgoing, RemoteUrl, exchange, proxy_for
from tests.support.certificate import certificate


class Tunnels(socketserver.ThreadingTCPServer):
    """A proxy that notes what it is asked for, and answers in the place of every host behind it."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        self.heads: list[str] = []
        self.context = context
        super().__init__(("127.0.0.1", 0), Tunnel)


class Tunnel(socketserver.BaseRequestHandler):
    server: Tunnels

    def handle(self) -> None:
        self.server.heads.append(read_head(self.request))
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with (
            contextlib.suppress(ssl.SSLError),  # a caller that does not take the certificate
            self.server.context.wrap_socket(self.request, server_side=True) as behind,
        ):
            self.server.heads.append(read_head(behind))
            behind.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nhere")


def read_head(connection: object) -> str:
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        raw += connection.recv(1)  # type: ignore[attr-defined]
    return raw.decode()


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    file = tmp_path / "provider.pem"
    file.write_bytes(certificate("login.example"))
    return file


@pytest.fixture
def proxy(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tunnels]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Tunnels(context) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://us:pass%40word@127.0.0.1:{made.server_address[1]}"
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "inside.example")
        yield made
        made.shutdown()


def test_a_request_goes_through_a_tunnel_that_is_closed_to_the_proxy(proxy: Tunnels, pem: Path) -> None:
    url = RemoteUrl(
        "https://login.example/token?secret=1", purpose="a test", context=ssl.create_default_context(cafile=pem)
    )
    assert exchange(Outgoing(url), timeout=60, max_size=10).body == b"here"
    asked, behind = proxy.heads
    assert asked.startswith("CONNECT login.example:443 ")
    assert base64.b64encode(b"us:pass@word").decode() in asked
    assert "secret" not in asked
    assert behind.startswith("GET /token?secret=1 ")
    assert "us:pass" not in repr(proxy_for("login.example"))


def test_the_certificate_must_be_the_hosts_and_not_the_proxys(proxy: Tunnels, pem: Path) -> None:
    url = RemoteUrl("https://other.example/", purpose="a test", context=ssl.create_default_context(cafile=pem))
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange(Outgoing(url), timeout=60, max_size=10)


def test_a_proxy_that_sends_a_byte_now_and_then_does_not_hold_the_thread(
    proxy: Tunnels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(tunnel: Tunnel) -> None:
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 Connection established" + b" " * 40:
                tunnel.request.sendall(bytes([byte]))
                threading.Event().wait(0.05)

    monkeypatch.setattr(Tunnel, "handle", drip)
    with pytest.raises(TimeoutError, match="longer than"):
        exchange(Outgoing(RemoteUrl("https://login.example/", purpose="a test")), timeout=0.2, max_size=9)


def test_hosts_of_no_proxy_are_asked_directly(proxy: Tunnels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("login.example") is not None
    assert proxy_for("inside.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "")
    assert proxy_for("login.example") is None


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "https://proxy.example", "http://"])
def test_a_proxy_of_another_kind_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(OSError, match="HTTPS_PROXY must be"):
        proxy_for("login.example")


def test_this_machine_is_asked_without_one(proxy: Tunnels) -> None:
    url = RemoteUrl("https://127.0.0.1:1/", purpose="a test")
    with pytest.raises((OSError, http.client.HTTPException)):
        exchange(Outgoing(url), timeout=60, max_size=10)
    assert proxy.heads == []
