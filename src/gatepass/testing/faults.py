"""A proxy between a client and a server that loses requests and answers, for tests of what a client makes of that.

    with FaultProxy(upstream_port) as proxy:
        proxy.lose_answers("/auth/refresh")            # the next answer is read from the server and thrown away
        proxy.lose_requests("/auth/refresh", count=2)  # the next two never reach the server
        proxy.cut_answers("/report")                   # half of the body arrives, then the connection ends
        proxy.answer("/auth/refresh", 503, retry_after=2)  # the proxy answers; the server sees nothing
        proxy.delay("/me", seconds=0.5)                # the next answer comes late
        proxy.go_offline(); proxy.go_online()          # connections are cut and refused
        with proxy.hold("/auth/refresh") as held:      # requests wait in front of the server until the block ends
            held.wait(1)

The path "*" means every path; a fault that names the path takes precedence. The proxy handles whole HTTP/1.1 exchanges,
so a loss happens at a known point, and `exchanges` lists them. It uses real sockets, on loopback only, and no fault but
`delay` depends on time.
"""

import asyncio
import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from gatepass.testing.http1 import BLANK, compose, read_answer, read_request

Result = TypeVar("Result")
HOST = "127.0.0.1"
MAX_HEAD = 256 * 1024
REPLY_TIMEOUT = 10.0
"""Seconds for what comes at once unless a test is wrong: a request at a hold, an answer of the thread of the proxy."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that passed. `status` is None if the client did not get the whole answer."""

    method: str
    path: str
    status: int | None


class Held:
    """Requests that wait in the proxy until the block of `hold` ends."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._release = asyncio.Event()

    def wait(self, count: int = 1, *, timeout: float | None = None) -> None:
        """Block until `count` further requests wait.

        Raises TimeoutError after `timeout` seconds for one of them, by default REPLY_TIMEOUT.
        """
        seconds = REPLY_TIMEOUT if timeout is None else timeout
        for _ in range(count):
            if not self._arrived.acquire(timeout=seconds):
                raise TimeoutError("no request arrived at the hold")

    async def _pass(self) -> None:
        self._arrived.release()
        await self._release.wait()


class FaultProxy:
    """Listens on a loopback port and forwards to `upstream_port`, in a thread of its own.

    `port`: where to listen; 0 chooses a free one. Use it as a context manager: it listens while the block runs.
    """

    def __init__(self, upstream_port: int, *, port: int = 0) -> None:
        self.upstream_port = upstream_port
        self.exchanges: list[Exchange] = []
        self._port = port
        self._lost_answers: Counter[str] = Counter()
        self._lost_requests: Counter[str] = Counter()
        self._cut_answers: Counter[str] = Counter()
        self._answers: dict[str, deque[tuple[int, bytes]]] = {}
        self._delays: dict[str, deque[float]] = {}
        self._holds: dict[str, Held] = {}
        self._is_offline = False
        self._stopping = asyncio.Event()
        self._clients: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
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
        """Let the server process the next `count` requests to `path`, and drop its answers."""
        self._call(lambda: self._lost_answers.update({path: count}))

    def lose_requests(self, path: str, *, count: int = 1) -> None:
        """Drop the next `count` requests to `path` before the server sees them."""
        self._call(lambda: self._lost_requests.update({path: count}))

    def cut_answers(self, path: str, *, count: int = 1) -> None:
        """Forward head and half of the body of the next `count` answers of `path`; nothing of one without a body."""
        self._call(lambda: self._cut_answers.update({path: count}))

    def answer(
        self,
        path: str,
        status: int = 503,
        *,
        retry_after: int | str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        count: int = 1,
    ) -> None:
        """Answer the next `count` requests to `path` with this; the server does not see them.

        `retry_after` is the value of Retry-After: seconds, or an HTTP date.
        """
        given = {} if retry_after is None else {"Retry-After": str(retry_after)}
        text = compose(status, {**given, **(headers or {})}, body)
        self._call(lambda: self._answers.setdefault(path, deque()).extend([(status, text)] * count))

    def delay(self, path: str, *, seconds: float, count: int = 1) -> None:
        """Forward the next `count` answers of `path` `seconds` later: the server has processed them by then."""
        self._call(lambda: self._delays.setdefault(path, deque()).extend([seconds] * count))

    @contextlib.contextmanager
    def hold(self, path: str) -> Iterator[Held]:
        """Keep requests to `path` from the server while the block runs."""
        held = Held()
        self._call(lambda: self._holds.update({path: held}))
        try:
            yield held
        finally:
            self._call(lambda: self._holds.pop(path))
            self._call(held._release.set)

    def go_offline(self) -> None:
        """Cut every connection and refuse new ones, until `go_online`."""
        self._call(self._cut)

    def go_online(self) -> None:
        """Accept connections and forward again."""
        self._call(lambda: setattr(self, "_is_offline", False))

    def count(self, path: str, *, status: int | None = None) -> int:
        """Return the number of exchanges with `path`, or of those with one status."""
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
            pass  # one side has closed: the other side is closed below
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
        """Pass on one request and its answer. Returns False if the connection must be cut."""
        method, target, request = await read_request(reader)
        path = target.partition(b"?")[0].decode("latin-1")
        if held := self._holds.get(path) or self._holds.get("*"):
            await held._pass()
        if _take(self._lost_requests, path):
            return self._record(method, path, None)
        if (own := _next(self._answers, path)) is not None:
            status, answer, is_last = *own, False
        else:
            upstream.write(request)
            status, answer, is_last = await read_answer(answers, is_head=method == b"HEAD")
        if (seconds := _next(self._delays, path)) is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        part = self._part_of(answer, path)
        self._record(method, path, status if part == answer else None)
        writer.write(part)
        await writer.drain()
        if is_last or part != answer:
            await _end(writer)
            return False
        return True

    def _part_of(self, answer: bytes, path: str) -> bytes:
        """Return what to forward of an answer: all of it, head and half of the body, or nothing."""
        if _take(self._lost_answers, path):
            return b""
        if _take(self._cut_answers, path):
            body = answer.index(BLANK) + len(BLANK)
            return answer[: (body + len(answer)) // 2] if body < len(answer) else b""
        return answer

    def _record(self, method: bytes, path: str, status: int | None) -> bool:
        self.exchanges.append(Exchange(method.decode(), path, status))
        return False

    def _cut(self) -> None:
        self._is_offline = True
        for writer in list(self._clients):
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        self._stopping.set()
        self._cut()
        for held in self._holds.values():
            held._release.set()
        # Cut connections end their own tasks; cancelling them would make asyncio log each one.
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        if pending:
            await asyncio.wait(pending, timeout=REPLY_TIMEOUT)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(REPLY_TIMEOUT)

    def _call(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()

        self._run(run())


def _take(budget: Counter[str], path: str) -> bool:
    for name in (path, "*"):
        if budget[name]:
            budget[name] -= 1
            return True
    return False


def _next(queues: Mapping[str, deque[Result]], path: str) -> Result | None:
    for name in (path, "*"):
        if queues.get(name):
            return queues[name].popleft()
    return None


async def _end(writer: asyncio.StreamWriter) -> None:
    """Close the connection once the last bytes are sent."""
    writer.close()
    await writer.wait_closed()
