"""What lies between client and server: certificates are checked, and proxies read nothing (CC-10)."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, GatepassAuth
from gatepass.client.errors import UnauthenticatedError
from tests.client.fake_api import signed_in
from tests.remote.jwks_server import certificate, publish

PASSWORD = "seven green bottles on a wall"
REFUSAL = b'{"type":"about:blank","status":401,"code":"invalid-credentials","detail":"wrong"}'


class Listener:
    """A server on loopback that notes what it is sent. It refuses every sign-in."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        noted = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                noted.append((self.requestline, body))
                self.send_response(401)
                self.send_header("content-type", "application/problem+json")
                self.send_header("content-length", str(len(REFUSAL)))
                self.end_headers()
                self.wfile.write(REFUSAL)

            def do_CONNECT(self) -> None:
                noted.append((self.requestline, str(self.headers).encode()))
                self.send_error(502)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def api() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The proxy of the environment, as an office sets it: no NO_PROXY."""
    listener = Listener()
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    yield listener
    listener.close()


def sign_in(kind: str, url: str, proxy: str | None = None) -> None:
    match kind:
        case "sync":
            with Client(url, proxy=proxy) as client:
                client.sign_in("ann@example.com", PASSWORD)
        case "async":

            async def on_a_loop() -> None:
                async with AsyncClient(url, proxy=proxy) as client:
                    await client.sign_in("ann@example.com", PASSWORD)

            asyncio.run(on_a_loop())
        case "auth":
            GatepassAuth(f"{url}/auth", proxy=proxy).sign_in("ann@example.com", PASSWORD)


KINDS = pytest.mark.parametrize("kind", ["sync", "async", "auth"])


@KINDS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_password_for_this_machine_goes_past_the_proxy_of_the_environment(
    kind: str, host: str, api: Listener, proxy: Listener
) -> None:
    with pytest.raises(UnauthenticatedError):
        sign_in(kind, f"http://{host}:{api.port}")
    assert [line.split()[1] for line, _ in api.seen] == ["/auth/login"]
    assert proxy.seen == []


@KINDS
def test_over_https_a_proxy_learns_the_host_alone(kind: str, proxy: Listener) -> None:
    with pytest.raises(httpx2.TransportError):
        sign_in(kind, "https://api.example.com")
    ((line, head),) = proxy.seen
    assert line.split()[:2] == ["CONNECT", "api.example.com:443"]
    assert PASSWORD.encode() not in head


@KINDS
def test_a_proxy_that_the_caller_names_is_used(kind: str, api: Listener, proxy: Listener) -> None:
    with pytest.raises(UnauthenticatedError):
        sign_in(kind, f"http://localhost:{api.port}", proxy=f"http://127.0.0.1:{proxy.port}")
    assert [line.split()[1] for line, _ in proxy.seen] == [f"http://localhost:{api.port}/auth/login"]


@pytest.mark.parametrize("wrong", ["another host's", "an unknown authority's"])
def test_a_server_with_a_wrong_certificate_gets_no_token(tmp_path: Path, wrong: str) -> None:
    server, trusting = certificate(tmp_path, "elsewhere.example" if wrong == "another host's" else "localhost")
    with publish(b"{}", context=server) as served:
        url = served.url.removesuffix("/auth/jwks.json")
        verify = trusting if wrong == "another host's" else True
        client = Client(url, storage=signed_in(), retry=None, verify=verify)
        with client, pytest.raises(httpx2.ConnectError):
            client.get("/x")
        assert served.asked == 0


def test_one_with_the_right_certificate_does(tmp_path: Path) -> None:
    """Guards the test above, which would pass too if nothing could be reached."""
    server, trusting = certificate(tmp_path)
    with publish(b"{}", context=server) as served:
        with Client(served.url, storage=signed_in(), verify=trusting) as client:
            assert client.get("/x").status_code == 200
        assert served.asked == 1
