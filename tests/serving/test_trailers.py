"""Fields behind a chunked body are no headers: a proxy that sets and strips headers has not seen them."""

from gatepass.server.http import Reply
from gatepass.serving.http_protocol import MAX_HEAD
from gatepass.wire.asgi import Receive, Scope, Send
from tests.serving.test_exchange import GET, Connection

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
FORGED = b"X-Forwarded-For: 192.0.2.1\r\nGatepass-Client: 1\r\nAuthorization: Bearer x\r\n"


class Application:
    """Notes the headers of each request, when it has begun and when its body has come."""

    def __init__(self) -> None:
        self.seen: list[set[bytes]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append({name for name, _ in scope["headers"]})
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        self.seen.append({name for name, _ in scope["headers"]})
        await Reply(204).send(send)


async def test_they_are_not_among_the_headers_whenever_they_come() -> None:
    for pieces in ([CHUNKED + FORGED + b"\r\n" + GET], [CHUNKED, FORGED, b"\r\n", GET]):
        app = Application()
        connection = Connection(app)
        raw = await connection.give(*pieces)
        assert raw.count(b"HTTP/1.1 204") == 2, "and the next request is read"
        assert app.bodies == [b"ok", b""]
        own = {b"host", b"transfer-encoding"}
        assert app.seen == [own, own, {b"host"}, {b"host"}]


async def test_they_are_bounded_as_a_head_is_and_so_is_what_stands_beside_the_sizes_of_chunks() -> None:
    size = MAX_HEAD // 1000 + 1
    for piece in (b"x: %s\r\n" % bytes([97] * 1000), b"x" * 1000, b"x: y\r\n" * 170):
        app = Application()
        connection = Connection(app)
        raw = await connection.give(CHUNKED, *[piece] * size)
        assert raw.startswith(b"HTTP/1.1 431 ")
        assert (connection.socket.is_closed, app.bodies) == (True, [])
    connection = Connection(Application())
    raw = await connection.give(CHUNKED.removesuffix(b"0\r\n") + b"1;x=", *[b"y" * 1000] * size)
    assert raw.startswith(b"HTTP/1.1 431 ")


async def test_a_long_body_in_chunks_is_no_long_head() -> None:
    app = Application()
    chunk = b"3e8\r\n" + bytes(1000) + b"\r\n"
    raw = await Connection(app).give(CHUNKED.removesuffix(b"0\r\n"), *[chunk] * 200, b"0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 204 ")
    assert len(app.bodies[0]) == 200_002
