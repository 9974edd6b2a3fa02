"""The page beside other systems says what was measured, how, and who is missing."""

import asyncio
from collections import Counter

from benchmarks._browsers import Slice, connected
from benchmarks._peers.browser import Cookie
from benchmarks._peers.page import GATEPASS, Row, Run, page
from benchmarks._peers.peer import APPS
from benchmarks._peers.peers import FLOOR, PEERS
from benchmarks._peers.trials import Trials

RUN = Run(
    command="python3 run.py bench peers",
    date="2026-01-02",
    machine="2 cores",
    load="otherwise idle (load 0.1)",
    postgres="15.1",
    seconds=1,
    connections=32,
    rounds=3,
    trials=2,
)


def row(name: str, *rates: int, trials: Trials | None = None) -> Row:
    slices = [Slice(rate, 1.0, latencies=[0.001, 0.002, 0.003], server_cpu=0.5) for rate in rates]
    return Row(name, "a row", "SHA-256", f"{name} 1.0", many=slices, one=slices, trials=trials)


def test_the_page_says_how_it_came_about_and_who_is_missing() -> None:
    text = page(RUN, [row(GATEPASS, 300, 200, 100)], {"epok-auth": "needs Python 3.12, which is not found here"})
    for said in ("    python3 run.py bench peers\n", "2026-01-02", "2 cores", "load 0.1", "32 keep-alive", "3 rounds"):
        assert said in text
    assert "Not measured: epok-auth needs Python 3.12, which is not found here." in text


def test_a_ratio_is_the_median_of_the_rounds_with_its_quartiles() -> None:
    text = page(RUN, [row("slow", 100, 100, 100), row(GATEPASS, 300, 200, 100)], {})
    assert "| **Gatepass** | 200 |  |  | 2.00 | 3.00 | 2.00 |" in text
    assert "| slow | 100 | 2.00 × | 1.00 to 3.00 |" in text
    assert text.index("**Gatepass**") < text.index("| slow |"), "the fastest comes first"


def test_the_page_says_what_came_of_races_and_used_tokens() -> None:
    trials = Trials(Counter({200: 5, 401: 11}), chains=[2, 3], stolen=200, used=401, newest=True, access=True)
    text = page(RUN, [row(GATEPASS, 1, 1, 1), row("forks", 1, 1, 1, trials=trials)], {})
    assert "| forks | 11 × 401, 5 × 200 | 2 to 3 | 200 | 401 | works | works |" in text


def test_each_peer_has_an_application_of_its_own() -> None:
    apps = {path.stem for path in APPS.iterdir() if path.suffix in (".py", ".mjs")}
    assert sorted(peer.app.partition(".")[0].partition(":")[0] for peer in (FLOOR, *PEERS)) == sorted(
        {*apps, "better_auth"}
    )


async def test_an_answer_in_chunks_is_read_to_its_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\nSet-Cookie: refresh=new; Path=/\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(head + b'b\r\n{"access":"\r\n3\r\na"}\r\n0\r\n\r\n')
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        browser = Cookie(server.sockets[0].getsockname()[1])
        async with connected([browser]):
            for _ in range(2):
                await browser.present()
                assert (browser.token, browser.access) == ("new", "a")
