"""Responses are written together at the end of an iteration of the loop, complete and in order."""

import asyncio

import pytest

from gatepass.serving.transport import MAX_GATHERED, GatheringTransport


class Socket(asyncio.Transport):
    """A transport that remembers each write, and when it was closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.writes: list[bytes | None] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.writes.append(None)


@pytest.fixture
def socket() -> Socket:
    return Socket()


async def test_head_and_body_of_an_answer_are_one_write(socket: Socket) -> None:
    transport = GatheringTransport(socket, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(b"body")
    assert socket.writes == []
    await next_turn()
    assert socket.writes == [b"headbody"]
    transport.write(b"next")
    await next_turn()
    assert socket.writes == [b"headbody", b"next"]


async def test_what_is_long_does_not_gather(socket: Socket) -> None:
    transport = GatheringTransport(socket, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(bytes(MAX_GATHERED))
    assert [len(data or b"") for data in socket.writes] == [4 + MAX_GATHERED]
    await next_turn()
    assert len(socket.writes) == 1


async def test_what_has_gathered_is_written_before_the_connection_closes(socket: Socket) -> None:
    transport = GatheringTransport(socket, asyncio.get_running_loop())
    transport.write(b"last words")
    transport.close()
    await next_turn()
    assert socket.writes == [b"last words", None]


async def test_everything_else_is_the_transport_s_own(socket: Socket) -> None:
    assert GatheringTransport(socket, asyncio.get_running_loop()).get_extra_info("peername") == ("192.0.2.1", 1)


async def next_turn() -> None:
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()
