"""A child never sends on a connection of its parent: each would get answers to the other one's requests.

langfuse/langfuse-python#1658 is about that.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import httpx2
import pytest

from gatepass.client import Client
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child


class Answers(BaseHTTPRequestHandler):
    """Says from which port a request came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        text = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_request(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("by_proxy", [False, True], ids=["direct", "by a proxy"])
def test_a_child_has_connections_of_its_own(port: int, fork: Fork, library: object, *, by_proxy: bool) -> None:
    url = f"http://127.0.0.1:{port}"
    options = {"timeout": library.Timeout(60), "trust_env": False}  # type: ignore[attr-defined]
    client: Client
    with Client("http://example.com" if by_proxy else url, **options, proxy=url if by_proxy else None) as client:
        used = client.get("/").text
        assert client.get("/").text == used, "it is kept alive"

        def in_child() -> bool:
            own = client.get("/").text
            is_kept = client.get("/").text == own
            client.close()
            return own != used and is_kept

        assert holds_in_child(fork, in_child)
        assert client.get("/").text == used


@pytest.mark.parametrize("fork", FORKS)
def test_the_lock_of_the_cookie_jar_is_free_in_a_child(port: int, fork: Fork) -> None:
    with Client(f"http://127.0.0.1:{port}", trust_env=False) as client:
        client.cookies.set("theme", "dark")
        jar: Any = client.cookies.jar
        with held_elsewhere(jar._cookies_lock):
            assert holds_in_child(fork, lambda: client.get("/").is_success and client.cookies["theme"] == "dark")
