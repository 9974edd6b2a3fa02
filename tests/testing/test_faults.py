"""The fault proxy causes exactly the faults that it is asked for, and forwards everything else unchanged."""

import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from gatepass.testing import FaultProxy
from gatepass.testing.faults import Exchange
from tools.services.patience import PATIENCE, until

BODY = b"0123456789" * 40
NEVER = 30 * PATIENCE
SOON = httpx2.Timeout(PATIENCE, read=0.1)
"""What a client gives an answer that does not come."""


class Upstream(ThreadingHTTPServer):
    """A server that notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self._read()
        self.send_response(200)
        match self.path:
            case "/chunks":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in (BODY[:100], BODY[100:]):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            case "/until-the-end":
                self.close_connection = True
                self.end_headers()
                self.wfile.write(BODY)
            case "/empty":
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self.send_header("Content-Length", str(len(BODY)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(BODY)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_arguments: object) -> None:
        pass

    def _read(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size + 2)[:-2]
            self.rfile.readline()
        self.server.seen.append((self.path, body))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.server_port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{proxy.port}") as client:
        yield client


@pytest.mark.parametrize("path", ["/plain?q=1", "/chunks", "/until-the-end", "/empty"])
def test_without_a_fault_all_passes_unchanged(client: httpx2.Client, proxy: FaultProxy, path: str) -> None:
    for _ in range(3):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.content == (b"" if path == "/empty" else BODY)
    assert proxy.exchanges == [Exchange("GET", path.split("?")[0], 200)] * 3
    assert client.head("/plain").content == b""


def test_bodies_reach_the_server_whole(client: httpx2.Client, upstream: Upstream) -> None:
    client.post("/a", content=BODY)
    client.post("/b", content=(BODY[start : start + 70] for start in range(0, 400, 70)))
    assert upstream.seen == [("/a", BODY), ("/b", BODY)]


def test_a_lost_answer_was_worked_for(client: httpx2.Client, proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.lose_answers("/a", count=2)
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            client.get("/a")
    assert client.get("/a").content == BODY
    assert len(upstream.seen) == 3
    assert [seen.status for seen in proxy.exchanges] == [None, None, 200]


def test_a_lost_request_was_not_seen(client: httpx2.Client, proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.lose_requests("/a")
    with pytest.raises(httpx2.TransportError):
        client.get("/a")
    assert upstream.seen == []
    assert client.get("/b").status_code == client.get("/a").status_code == 200
    assert (proxy.count("/a"), proxy.count("/a", status=200)) == (2, 1)


@pytest.mark.parametrize("path", ["/plain", "/chunks"])
def test_a_cut_answer_stops_in_the_middle_of_its_body(client: httpx2.Client, proxy: FaultProxy, path: str) -> None:
    proxy.cut_answers(path)
    came = b""
    with pytest.raises(httpx2.RemoteProtocolError), client.stream("GET", path) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            came += piece
    assert BODY.startswith(came)
    assert 0 < len(came) < len(BODY)
    assert proxy.exchanges == [Exchange("GET", path, None)]
    assert client.get(path).content == BODY


def test_a_cut_answer_without_a_body_does_not_come(client: httpx2.Client, proxy: FaultProxy) -> None:
    proxy.cut_answers("/empty")
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get("/empty")


def test_the_proxy_answers_in_the_place_of_the_server(
    client: httpx2.Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.answer("/a", 503, retry_after=2, count=2)
    proxy.answer("/a", 418, headers={"Content-Type": "text/plain"}, body=b"short and stout")
    answers = [client.get("/a") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 418, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["2", "2", None, None]
    assert (answers[2].text, answers[2].headers["content-type"]) == ("short and stout", "text/plain")
    assert len(upstream.seen) == 1
    assert [seen.status for seen in proxy.exchanges] == [503, 503, 418, 200]


def test_an_answer_of_the_proxy_can_be_lost_too(client: httpx2.Client, proxy: FaultProxy) -> None:
    proxy.answer("/a", 503)
    proxy.lose_answers("/a")
    with pytest.raises(httpx2.TransportError):
        client.get("/a")
    assert client.get("/a").status_code == 200


def test_a_delayed_answer_comes_late_and_is_whole(client: httpx2.Client, proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.delay("/a", seconds=0.3)
    start = time.monotonic()
    assert client.get("/a").content == BODY
    assert time.monotonic() - start > 0.25
    proxy.delay("/a", seconds=NEVER)
    with pytest.raises(httpx2.ReadTimeout):
        client.get("/a", timeout=SOON)
    until(lambda: len(upstream.seen) == 2, "the part of the server")
    assert client.get("/a").content == BODY, "it was one answer that came late"


def test_a_star_means_every_path_after_those_that_are_named(client: httpx2.Client, proxy: FaultProxy) -> None:
    proxy.answer("*", 503, count=2)
    proxy.answer("/a", 429)
    assert [client.get(path).status_code for path in ("/a", "/a", "/b", "/c")] == [429, 503, 503, 200]


def test_requests_wait_at_a_hold_and_then_pass(client: httpx2.Client, proxy: FaultProxy, upstream: Upstream) -> None:
    with ThreadPoolExecutor(3) as pool:
        with proxy.hold("/a") as held:
            waiting = [pool.submit(client.get, "/a") for _ in range(3)]
            held.wait(3)
            assert upstream.seen == []
            assert client.get("/b").status_code == 200
        assert [one.result().status_code for one in waiting] == [200] * 3


def test_a_hold_that_nobody_comes_to_says_so(proxy: FaultProxy) -> None:
    with proxy.hold("/a") as held, pytest.raises(TimeoutError):
        held.wait(timeout=0.05)


def test_offline_cuts_and_refuses_until_it_is_online(client: httpx2.Client, proxy: FaultProxy) -> None:
    assert client.get("/a").status_code == 200
    proxy.go_offline()
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            client.get("/a")
    proxy.go_online()
    assert client.get("/a").status_code == 200


def test_it_listens_on_loopback_and_leaves_nothing_behind(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    before = threading.active_count()
    with FaultProxy(upstream.server_port) as proxy:
        proxy.delay("/a", seconds=NEVER)
        with httpx2.Client() as client, pytest.raises(httpx2.ReadTimeout):
            client.get(f"http://127.0.0.1:{proxy.port}/a", timeout=SOON)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)
    until(lambda: threading.active_count() <= before, "the end of its threads")
    gc.collect()
    assert [record.message for record in caplog.records if "pending" in record.message] == []
