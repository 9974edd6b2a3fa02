"""`gatepass doctor --url` at a server that goes away while it is looked at."""

import asyncio

from tests.support.doctor import found, said


async def test_a_server_that_answers_once_and_no_more_is_a_fault_in_one_sentence() -> None:
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await reader.readuntil(b"\r\n\r\n")
        answered += 1
        if answered == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        findings = await found(url=f"http://127.0.0.1:{port}")
    assert "no longer responds" in said(findings, "address", "error")
