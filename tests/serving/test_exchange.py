"""One request and its response on the wire: what an application may send, and what it hears."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvicorn
from uvicorn.server import ServerState

from gatepass.server.http import Reply
from gatepass.serving.http_protocol import MAX_BODY_WAITING, HttpProtocol, sweep
from gatepass.wire.asgi import Message, Receive, Scope, Send

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
KEEP_ALIVE = 75
Pairs = list[tuple[bytes, bytes]]


class Socket(asyncio.Transport):
    """The client: what it was sent, write by write, and whether the server reads on."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.writes: list[bytes] = []
        self.is_closed = False
        self.is_read = True

    @property
    def got(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def can_write_eof(self) -> bool:
        return False


App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Connection:
    """A connection of the server, with an application behind it and a socket before it."""

    app: App
    socket: Socket = field(default_factory=Socket)
    state: ServerState = field(default_factory=ServerState)

    def __post_init__(self) -> None:
        config = uvicorn.Config(
            self.app, interface="asgi3", ws="none", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE
        )
        config.proxy_headers = False
        config.load()
        self.protocol = HttpProtocol(config, self.state, {})
        self.protocol.connection_made(self.socket)

    async def give(self, *pieces: bytes) -> bytes:
        """Let the server have these bytes. Returns all that it has sent, when it does nothing more."""
        for piece in pieces:
            self.protocol.data_received(piece)
            await settled()
        return self.socket.got


async def settled() -> None:
    """Until the applications wait for something that does not come by itself."""
    for _ in range(20):
        await asyncio.sleep(0)


def answering(*messages: Message) -> App:
    """An application that sends these."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def head(status: int = 200, headers: Pairs | None = None) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers or []}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def length(count: int) -> Pairs:
    return [(b"content-length", b"%d" % count)]


async def test_a_reply_of_ours_is_one_write() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Reply(200, b"{}").send(send)

    connection = Connection(app)
    raw = await connection.give(GET)
    assert len(connection.socket.writes) == 1
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw.endswith(b"content-length: 2\r\n\r\n{}")


async def test_a_reply_through_a_send_that_somebody_wraps_passes_the_wrapper() -> None:
    passed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            passed.append(message["type"])
            await send(message)

        await Reply(200, b"{}").send(wrapped)

    raw = await Connection(app).give(GET)
    assert passed == ["http.response.start", "http.response.body"]
    assert raw.endswith(b"\r\n\r\n{}")


async def test_a_second_reply_to_one_request_is_not_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Reply(204).send(send)
        with pytest.raises(RuntimeError):
            await Reply(200, b"{}").send(send)

    assert (await Connection(app).give(GET)).count(b"HTTP/1.1") == 1


async def test_a_body_without_a_length_is_sent_in_chunks() -> None:
    app = answering(head(), body(b"one", more=True), body(b"", more=True), body(b"more"))
    raw = await Connection(app).give(GET)
    assert raw == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\nmore\r\n0\r\n\r\n"


async def test_the_answer_to_head_has_no_body() -> None:
    app = answering(head(headers=length(3)), body(b"one"))
    assert await Connection(app).give(HEAD) == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"


@pytest.mark.parametrize(
    "header",
    [
        (b"x-name", b"a\r\nset-cookie: b=c"),
        (b"x-name", b"a\nb"),
        (b"x-name", b"a\rb"),
        (b"x-name", b"a\0b"),
        (b"x-name: a\r\nx-other", b"b"),
        (b"x name", b"b"),
        (b"x:name", b"b"),
        (b"", b"b"),
    ],
)
async def test_no_header_can_begin_another_one(header: tuple[bytes, bytes]) -> None:
    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        await send.answer(200, [header, *length(0)], b"")  # type: ignore[attr-defined]

    for app in (whole, answering(head(headers=[header, *length(0)]), body(b""))):
        raw = await Connection(app).give(GET)
        assert raw.startswith(b"HTTP/1.1 500 ")
        assert header[1] not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("content", [b"short", b"far too long"])
async def test_a_body_of_another_length_than_announced_is_cut_off(content: bytes) -> None:
    connection = Connection(answering(head(headers=length(8)), body(content)))
    await connection.give(GET)
    assert connection.socket.is_closed


async def test_an_application_that_does_not_answer_is_a_500_and_the_last_word() -> None:
    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    for app in (raising, answering(), answering(body(b"before the head"))):
        connection = Connection(app)
        raw = await connection.give(GET)
        assert raw.startswith(b"HTTP/1.1 500 ")
        assert b"\r\nconnection: close\r\n" in raw
        assert (connection.socket.is_closed, connection.state.tasks) == (True, set())


async def test_an_application_that_stops_in_the_middle_is_cut_off() -> None:
    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(headers=length(9)))
        raise ValueError

    for app in (raising, answering(head(), body(b"some", more=True))):
        connection = Connection(app)
        assert (await connection.give(GET)).count(b"HTTP/1.1") == 1
        assert connection.socket.is_closed


async def test_an_application_that_closes_the_connection_says_so_once() -> None:
    app = answering(head(headers=[*length(0), (b"Connection", b"keep-alive, Close")]), body(b""))
    connection = Connection(app)
    assert await connection.give(GET) == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    assert connection.socket.is_closed


async def test_a_client_that_asks_before_its_body_is_told_to_go_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await Reply(200, message["body"]).send(send)

    ask = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-Continue\r\n\r\n")
    raw = await Connection(app).give(ask % 2, b"ok")
    assert raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_the_application_hears_that_the_client_is_gone_and_what_waits_is_dropped() -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1] != "http.disconnect":
            heard.append((await receive())["type"])
        await Reply(204).send(send)

    connection = Connection(app)
    await connection.give(GET + GET)
    connection.protocol.connection_lost(None)
    await settled()
    assert heard == ["http.request", "http.disconnect"]
    assert (connection.socket.got, connection.state.tasks, connection.state.connections) == (b"", set(), set())


async def test_a_long_body_waits_in_the_network_until_it_is_asked_for() -> None:
    asked = asyncio.Event()
    sizes: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asked.wait()
        sizes.append(len((await receive())["body"]))
        await receive()

    connection = Connection(app)
    await connection.give(POST % 10_000_000, bytes(MAX_BODY_WAITING + 1))
    assert not connection.socket.is_read
    asked.set()
    await settled()
    assert (connection.socket.is_read, sizes) == (True, [MAX_BODY_WAITING + 1])


async def test_nothing_is_sent_while_the_client_takes_nothing() -> None:
    connection = Connection(answering(head(headers=length(2)), body(b"ok")))
    connection.protocol.pause_writing()
    assert await connection.give(GET) == b""
    connection.protocol.resume_writing()
    await settled()
    assert connection.socket.got.endswith(b"ok")


async def test_a_connection_that_idles_is_closed_and_one_with_an_answer_under_way_is_not() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await Reply(204).send(send)
        else:
            await send(head())
            await receive()
            await receive()

    idle, streaming = Connection(app), Connection(app)
    await idle.give(GET)
    await streaming.give(GET, GET.replace(b"/ ", b"/events "))
    answered = asyncio.get_running_loop().time()
    both = [idle.protocol, streaming.protocol]
    assert sweep(both, now=answered + KEEP_ALIVE - 1, timeout=20) == (0, 0)
    assert not idle.socket.is_closed
    sweep(both, now=answered + KEEP_ALIVE + 1, timeout=20)
    assert (idle.socket.is_closed, streaming.socket.is_closed) == (True, False)


@pytest.mark.parametrize("address", [b"*", b"//", b"http://", b"a", b"/%zz"])
async def test_an_address_that_cannot_be_read_is_no_request(address: bytes) -> None:
    connection = Connection(answering(head(204), body(b"")))
    raw = await connection.give(GET.replace(b"/ ", address + b" "))
    assert raw[9:12] in (b"204", b"400")
    assert raw.count(b"HTTP/1.1") == 1
