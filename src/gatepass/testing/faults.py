"""A proxy that loses things: put it between a client and a server, and see what survives.

    with FaultProxy(upstream_port) as proxy:
        proxy.lose_answers("/auth/refresh")            # the next answer is read from the server and thrown away
        proxy.lose_requests("/auth/refresh", count=2)  # the next two never reach the server
        proxy.go_offline(); proxy.go_online()          # connections are cut and refused
        with proxy.hold("/auth/refresh") as held:      # requests wait in front of the server until the block ends
            held.wait(1)

It works on whole HTTP/1.1 exchanges, so a loss happens at a known point, and `exchanges` tells what was seen:
real sockets, no timing. Loopback only.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
HOST = "127.0.0.1"
MAX_HEAD = 256 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it passed. `status` is None where the answer never reached the client."""

    method: str
    path: str
    status: int | None


class Held:
    """Requests that wait in front of the server."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._release = asyncio.Event()

    def wait(self, count: int = 1, *, timeout: float = 10.0) -> None:
        """Until `count` further requests wait; at most `timeout` seconds, then TimeoutError."""
        for _ in range(count):
            if not self._arrived.acquire(timeout=timeout):
                raise TimeoutError("no request arrived at the hold")

    async def _pass(self) -> None:
        self._arrived.release()
        await self._release.wait()


class FaultProxy:
    """Listens on a free loopback port (`port`) and forwards to `upstream_port`, in a thread of its own."""

    def __init__(self, upstream_port: int, *, port: int = 0) -> None:
        self.upstream_port = upstream_port
        self.exchanges: list[Exchange] = []
        self._port = port
        self._lost_answers: Counter[str] = Counter()
        self._lost_requests: Counter[str] = Counter()
        self._holds: dict[str, Held] = {}
        self._is_offline = False
        self._clients: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._port

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, HOST, self._port, limit=MAX_HEAD))
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lose_answers(self, path: str, *, count: int = 1) -> None:
        """The server processes the next `count` requests to `path`; their answers are thrown away."""
        self._call(lambda: self._lost_answers.update({path: count}))

    def lose_requests(self, path: str, *, count: int = 1) -> None:
        """The next `count` requests to `path` are thrown away before the server sees them."""
        self._call(lambda: self._lost_requests.update({path: count}))

    @contextlib.contextmanager
    def hold(self, path: str) -> Iterator[Held]:
        """Requests to `path` wait in front of the server while the block runs."""
        held = Held()
        self._call(lambda: self._holds.update({path: held}))
        try:
            yield held
        finally:
            self._call(lambda: self._holds.pop(path))
            self._call(held._release.set)

    def go_offline(self) -> None:
        """Cut every connection and refuse new ones."""
        self._call(self._cut)

    def go_online(self) -> None:
        """Forward again."""
        self._call(lambda: setattr(self, "_is_offline", False))

    def count(self, path: str, *, status: int | None = None) -> int:
        """How many exchanges with `path` passed, or how many of one status."""
        return sum(seen.path == path and status in (None, seen.status) for seen in self.exchanges)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_offline:
            writer.transport.abort()
            return
        self._clients.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(HOST, self.upstream_port, limit=MAX_HEAD)
            while await self._exchange(reader, writer, answers, upstream):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side went away: the other is told by the close below
        finally:
            self._clients.discard(writer)
            for side in (writer, upstream):
                if side is not None:
                    side.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Pass one request and its answer; False where the connection is to be cut."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        path = target.partition(b"?")[0].decode("latin-1")
        request = head + await reader.readexactly(_length(head) or 0)
        if held := self._holds.get(path):
            await held._pass()
        if self._take(self._lost_requests, path):
            self.exchanges.append(Exchange(method.decode(), path, None))
            return False
        upstream.write(request)
        answer = await answers.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        has_body = method != b"HEAD" and status not in (204, 304)
        answer += await _body(answers, answer) if has_body else b""
        if self._take(self._lost_answers, path):
            self.exchanges.append(Exchange(method.decode(), path, None))
            return False
        self.exchanges.append(Exchange(method.decode(), path, status))
        writer.write(answer)
        await writer.drain()
        return b"connection: close" not in answer.lower()

    def _take(self, budget: Counter[str], path: str) -> bool:
        if budget[path] == 0:
            return False
        budget[path] -= 1
        return True

    def _cut(self) -> None:
        self._is_offline = True
        for writer in list(self._clients):
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        self._cut()
        for held in self._holds.values():
            held._release.set()
        # Cut connections end their own tasks; cancelling them would make asyncio log each one.
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        if pending:
            await asyncio.wait(pending, timeout=5)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _call(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()

        self._run(run())


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """What follows a response's head: by length, by chunks, or until the end."""
    length = _length(head)
    if length is not None:
        return await reader.readexactly(length)
    if b"transfer-encoding: chunked" not in head.lower():
        return await reader.read()
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        body += line + chunk
        if chunk == b"\r\n":
            return body
