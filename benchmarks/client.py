"""What the Python client adds to bare httpx2: time per request, memory per client, refreshes per thousand requests.

    python3 run.py bench client [--requests 2000] [--rounds 15] [--clients 50]

Caveats first. *In process* a transport of ours answers at once, so that almost all that is measured is Python, in CPU
time, which other programs disturb least: the difference is what the default chain costs, the ratio says little.
*Loopback* is, by the clock, one kept connection to a uvicorn in a
process of its own that answers 200 bytes: the shortest way to a real server that there is; every network makes the
share smaller. Variants take turns in every round, each after the other's; the tables show medians over the rounds and
their spread (quartiles). Both clients are given the same headers by hand, but the bare one no token. Memory is what
Python's allocator sees (tracemalloc) of a client that has made one request; TLS contexts are shared, as they are the
same for both. Machines that do other work meanwhile show larger numbers: compare within one run.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import socket
import statistics
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

from benchmarks._options import parse
from gatepass.client import AsyncClient, Client, MemoryStorage
from gatepass.client.storage.record import SessionRecord

URL = "https://api.example.com"
BODY = json.dumps({"items": list(range(45))}).encode()
SID = "ab" * 16
LIFETIME = 900
PATH = "/items"
CONCURRENT = 1000
Clock = Callable[[], float]


class Answers:
    """A server without a network. Counts refreshes; `strict`: wants a new token, and a refresh takes some time."""

    def __init__(self, *, strict: bool = False) -> None:
        self.refreshes = 0
        self._strict = strict
        self._seconds = 0.02 if strict else 0.0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """In a thread."""
        if request.url.path == "/auth/refresh":
            time.sleep(self._seconds)
        return self._answer(request)

    async def later(self, request: httpx2.Request) -> httpx2.Response:
        """In a task."""
        if request.url.path == "/auth/refresh":
            await asyncio.sleep(self._seconds)
        return self._answer(request)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/auth/refresh":
            if self._strict and request.headers.get("Authorization") != f"Bearer ey.{self.refreshes}":
                return httpx2.Response(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
            return httpx2.Response(200, content=BODY, headers={"Content-Type": "application/json"})
        self.refreshes += 1
        challenge = f"{self.refreshes:011d}"
        state = f"{SID}.{self.refreshes}.{challenge}.4102444800"
        cookies = [
            ("Set-Cookie", f"__Host-Http-gatepass=gp_rt_{self.refreshes}; Path=/; Secure; HttpOnly; SameSite=Strict"),
            ("Set-Cookie", f"__Host-gatepass_state={state}; Path=/; Secure; SameSite=Strict"),
        ]
        grant = {
            "access_token": f"ey.{self.refreshes}",
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "session_id": SID,
            "refresh_generation": self.refreshes,
            "refresh_challenge": challenge,
        }
        return httpx2.Response(200, json=grant, headers=cookies)


def signed_in(*, expired: bool = False) -> MemoryStorage:
    """A storage with a session, and an access token unless it has expired."""
    storage = MemoryStorage()
    now = time.time()
    session = SessionRecord(
        binding_key=bytes(32),
        is_bound=True,
        sid=SID,
        generation=0,
        challenge="0" * 11,
        cookie=("__Host-Http-gatepass", "gp_rt_0"),
        access_token="ey.0",
        expires_at=now - 1 if expired else now + LIFETIME,
        lifetime=LIFETIME,
    )
    storage.save(session)
    return storage


@dataclass(frozen=True, slots=True)
class Pair:
    """The same request with bare httpx2 and with ours: each runs it so many times and returns µs per request."""

    name: str
    bare: Callable[[int], float]
    ours: Callable[[int], float]


def sync_runner(client: httpx2.Client, now: Clock) -> Callable[[int], float]:
    """µs per request of a plain client."""

    def run(requests: int) -> float:
        start = now()
        for _ in range(requests):
            client.get(PATH)
        return (now() - start) / requests * 1e6

    return run


def async_runner(client: httpx2.AsyncClient, now: Clock, loop: asyncio.AbstractEventLoop) -> Callable[[int], float]:
    """µs per request of an async client, one after the other."""

    async def run(requests: int) -> float:
        start = now()
        for _ in range(requests):
            await client.get(PATH)
        return (now() - start) / requests * 1e6

    return lambda requests: loop.run_until_complete(run(requests))


def clock_for(url: str) -> Clock:
    """CPU time where there is no network, else the clock."""
    return time.process_time if url == URL else time.perf_counter


@contextlib.contextmanager
def pairs(port: int) -> Iterator[list[Pair]]:
    """All that is compared."""
    answers, local = Answers(), f"http://127.0.0.1:{port}"
    with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.ExitStack() as stack:

        def sync(make: Callable[..., httpx2.Client], url: str, **arguments: Any) -> Callable[[int], float]:
            return sync_runner(stack.enter_context(make(base_url=url, **arguments)), clock_for(url))

        def later(make: Callable[..., httpx2.AsyncClient], url: str, **arguments: Any) -> Callable[[int], float]:
            client = make(base_url=url, **arguments)
            stack.callback(lambda: loop.run_until_complete(client.aclose()))
            return async_runner(client, clock_for(url), loop)

        mock = {"transport": httpx2.MockTransport(answers)}
        mock_later = {"transport": httpx2.MockTransport(answers.later)}
        yield [
            Pair("in process, sync", sync(httpx2.Client, URL, **mock), sync(Client, URL, storage=signed_in(), **mock)),
            Pair(
                "in process, async",
                later(httpx2.AsyncClient, URL, **mock_later),
                later(AsyncClient, URL, storage=signed_in(), **mock_later),
            ),
            Pair("loopback, sync", sync(httpx2.Client, local), sync(Client, local, storage=signed_in())),
            Pair("loopback, async", later(httpx2.AsyncClient, local), later(AsyncClient, local, storage=signed_in())),
        ]


async def _app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


def _serve(listener: socket.socket) -> None:
    config = uvicorn.Config(_app, log_level="critical", access_log=False, lifespan="off")
    asyncio.run(uvicorn.Server(config).serve([listener]))


@contextlib.contextmanager
def served() -> Iterator[int]:
    """A small server in a process of its own; its port."""
    # The protocol is named since asyncio turns Nagle's delays off only where it is.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()


def measure_time(requests: int, rounds: int) -> None:
    """Print the table of times."""
    rows: dict[str, list[tuple[float, float]]] = {}
    with served() as port, pairs(port) as all_pairs:
        for number in range(rounds + 1):
            for pair in all_pairs:
                count = requests if pair.name.startswith("in process") else max(1, requests // 4)
                # Who goes first has the colder caches: take turns.
                first, second = (pair.bare, pair.ours) if number % 2 else (pair.ours, pair.bare)
                one, other = first(count), second(count)
                if number:
                    rows.setdefault(pair.name, []).append((one, other) if number % 2 else (other, one))
    print(f"{'':20}{'httpx2 µs':>11}{'ours µs':>9}{'added µs':>10}{'quartiles':>20}{'ratio':>8}")
    for name, seen in rows.items():
        bare, ours = (statistics.median(column) for column in zip(*seen, strict=True))
        added = [mine - theirs for theirs, mine in seen]
        low, middle, high = statistics.quantiles(added, n=4) if len(added) > 1 else added * 3
        spread = f"{low:.1f} … {high:.1f}"
        print(f"{name:20}{bare:11.1f}{ours:9.1f}{middle:10.1f}{spread:>20}{ours / bare:8.2f}")


def measure_memory(clients: int) -> None:
    """Print what one client takes."""
    transport = httpx2.MockTransport(Answers())
    makers: dict[str, Callable[[], httpx2.Client]] = {
        "httpx2": lambda: httpx2.Client(base_url=URL, transport=transport),
        "ours": lambda: Client(base_url=URL, transport=transport, storage=signed_in()),
    }
    print(f"{'memory per client':20}", end="")
    for name, make in makers.items():
        make().get(PATH)  # what is made once for all clients
        gc.collect()
        tracemalloc.start()
        kept = [make() for _ in range(clients)]
        for client in kept:
            client.get(PATH)
        gc.collect()
        size = tracemalloc.get_traced_memory()[0] / clients / 1024
        tracemalloc.stop()
        print(f"{name:>11} {size:.1f} KiB", end="")
        for client in kept:
            client.close()
    print()


def refreshes_of_tasks() -> tuple[int, int]:
    """(refreshes, successes) of a thousand tasks that come at once with an expired token."""
    answers = Answers(strict=True)

    async def run() -> int:
        transport = httpx2.MockTransport(answers.later)
        async with AsyncClient(base_url=URL, transport=transport, storage=signed_in(expired=True)) as client:
            calls: list[Awaitable[httpx2.Response]] = [client.get(PATH) for _ in range(CONCURRENT)]
            return sum(answer.status_code == 200 for answer in await asyncio.gather(*calls))

    succeeded = asyncio.run(run())
    return answers.refreshes, succeeded


def refreshes_of_threads(threads: int = 100) -> tuple[int, int]:
    """The same of a hundred threads with ten requests each."""
    answers = Answers(strict=True)
    start = threading.Barrier(threads)
    transport = httpx2.MockTransport(answers)
    with Client(base_url=URL, transport=transport, storage=signed_in(expired=True)) as client:

        def call(_number: int) -> int:
            start.wait()
            return sum(client.get(PATH).status_code == 200 for _ in range(CONCURRENT // threads))

        with ThreadPoolExecutor(threads) as pool:
            succeeded = sum(pool.map(call, range(threads)))
    return answers.refreshes, succeeded


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="What the Python client adds to bare httpx2.")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clients", type=int, default=50)
    options = parse(parser, requests=20, rounds=1, clients=3)
    measure_time(options.requests, options.rounds)
    measure_memory(options.clients)
    for name, measure in (("tasks", refreshes_of_tasks), ("threads", refreshes_of_threads)):
        refreshes, succeeded = measure()
        print(f"{CONCURRENT} expired requests, {name}: {refreshes} refresh(es), {succeeded} succeeded")


if __name__ == "__main__":
    main()
