"""The load generator of the benchmarks holds no connection while something else is prepared or measured."""

import asyncio

from benchmarks._browsers import Browser, load

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


async def test_connections_live_as_long_as_one_slice() -> None:
    """A server closes those that say nothing; a benchmark prepares four stores between opening and measuring."""
    opened, closed = 0, asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(ANSWER)
        writer.close()
        closed.release()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        browsers = [Browser(port), Browser(port)]
        for browser in browsers:
            browser.cookies = {f"gatepass_state_{port}": f"{'ab' * 16}.0.AAAAAAAAAAA.1"}
        assert opened == 0
        for slice_number in (1, 2):
            await load(browsers, 0.02, server_cpu=lambda: 0.0, store_cpu=lambda: 0.0, advances=False)
            for _ in browsers:
                await closed.acquire()
            assert opened == 2 * slice_number
