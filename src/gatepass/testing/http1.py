"""What a proxy for tests needs of HTTP/1.1: where a message ends (RFC 9112 §6), and how to write a response."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

BLANK = b"\r\n\r\n"


def compose(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a response with its Content-Length."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + BLANK + body


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    """Return method, target and bytes of the next request. Raises asyncio.IncompleteReadError if it is cut."""
    head = await reader.readuntil(BLANK)
    method, target, _ = head.split(b" ", 2)
    if _is_chunked(head):
        return method, target, head + await _read_chunks(reader)
    return method, target, head + await reader.readexactly(_length(head) or 0)


async def read_answer(reader: asyncio.StreamReader, *, is_head: bool) -> tuple[int, bytes, bool]:
    """Return status and bytes of the next response, and whether the connection ends with it.

    `is_head`: it answers HEAD and has no body. Raises asyncio.IncompleteReadError if it is cut.
    """
    head = await reader.readuntil(BLANK)
    status = int(head.split(b" ", 2)[1])
    is_last = b"connection: close" in head.lower()
    if is_head or status in (204, 304):
        return status, head, is_last
    if _is_chunked(head):
        return status, head + await _read_chunks(reader), is_last
    length = _length(head)
    if length is None:
        return status, head + await reader.read(), True
    return status, head + await reader.readexactly(length), is_last


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def _is_chunked(head: bytes) -> bool:
    return b"transfer-encoding: chunked" in head.lower()


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        body += line + chunk
        if chunk == b"\r\n":
            return body
