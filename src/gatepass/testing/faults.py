"""A proxy that loses things: put it between a client and a server, and see what survives.

    with FaultProxy(upstream_port) as proxy:
        proxy.lose_answers("/auth/refresh")            # the next answer is read from the server and thrown away
        proxy.lose_requests("/auth/refresh", count=2)  # the next two never reach the server
        proxy.cut_answers("/report")                   # half of the body arrives, then the connection ends
        proxy.answer("/auth/refresh", 503, retry_after=2)  # the proxy answers; the server sees nothing
        proxy.delay("/me", seconds=0.5)                # the next answer comes late
        proxy.go_offline(); proxy.go_online()          # connections are cut and refused
        with proxy.hold("/auth/refresh") as held:      # requests wait in front of the server until the block ends
            held.wait(1)

The path "*" means every path; faults that name the path come first. It works on whole HTTP/1.1 exchanges, so a loss
happens at a known point, and `exchanges` tells what was seen: real sockets and, but for `delay`, no timing. Loopback
only.
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
PATIENCE = 60.0
"""Seconds for a step of the proxy's own, on however busy a machine: after them something is broken."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it passed. `status` is None where no answer reached the client whole."""

    method: str
    path: str
    status: int | None


class Held:
    """Requests that wait in front of the server."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._release = asyncio.Event()

    def wait(self, count: int = 1, *, timeout: float = PATIENCE) -> None:
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

    def cut_answers(self, path: str, *, count: int = 1) -> None:
        """Of the next `count` answers of `path` head and half of the body arrive, without a body nothing."""
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
        """Answer the next `count` requests to `path` like this; the server does not see them.

        `retry_after` is the header's value: seconds, or an HTTP date.
        """
        given = {} if retry_after is None else {"Retry-After": str(retry_after)}
        text = compose(status, {**given, **(headers or {})}, body)
        self._call(lambda: self._answers.setdefault(path, deque()).extend([(status, text)] * count))

    def delay(self, path: str, *, seconds: float, count: int = 1) -> None:
        """Bring the next `count` answers of `path` this much later: the server has done its part by then."""
        self._call(lambda: self._delays.setdefault(path, deque()).extend([seconds] * count))

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
        method, target, request = await read_request(reader)
        path = target.partition(b"?")[0].decode("latin-1")
        if held := self._holds.get(path) or self._holds.get("*"):
            await held._pass()
        if _take(self._lost_requests, path):
            return self._note(method, path, None)
        if (own := _next(self._answers, path)) is not None:
            status, answer, is_last = *own, False
        else:
            upstream.write(request)
            status, answer, is_last = await read_answer(answers, is_head=method == b"HEAD")
        if (seconds := _next(self._delays, path)) is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        part = self._spare(answer, path)
        self._note(method, path, status if part == answer else None)
        writer.write(part)
        await writer.drain()
        if is_last or part != answer:
            await _end(writer)
            return False
        return True

    def _spare(self, answer: bytes, path: str) -> bytes:
        """What goes on of an answer: all of it, head and half of the body, or nothing."""
        if _take(self._lost_answers, path):
            return b""
        if _take(self._cut_answers, path):
            body = answer.index(BLANK) + len(BLANK)
            return answer[: (body + len(answer)) // 2] if body < len(answer) else b""
        return answer

    def _note(self, method: bytes, path: str, status: int | None) -> bool:
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
            await asyncio.wait(pending, timeout=PATIENCE)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

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
    """End the connection after the last bytes, not before."""
    writer.close()
    await writer.wait_closed()
