"""Servers and guards, each a process on one port, started, killed and started again while the load runs against them.

Starting blocks, so it happens in a thread, and the clients go on sending. All that a scenario starts ends with it.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.full import FULL
from tests.support.gates import SECRET
from tests.support.process import Serving
from tests.system.faults.load import Load
from tests.system.faults.program import FEED_SECRET, ISSUER, LIFE, MAX_AGE, SKEW
from tests.system.faults.watch import Watch
from tools.services.ports import free_port

ROUNDS = 8 if FULL else 1
"""How often a scenario repeats its fault."""
STARTS = 4
"""Against what: a machine so busy that the store does not answer in the seconds for which a start waits."""
HERE = Path(__file__).parent
Service = TypeVar("Service")


class Process:
    """One of the suite's programs, on a port that it keeps. `said` is the output of its processes that have ended."""

    program = ""

    def __init__(self, folder: Path, *, settings: Mapping[str, str], arguments: Sequence[str], **options: Any) -> None:
        self.port = free_port()
        self.said = ""
        self._folder = folder
        self._settings = {
            "SECRET": SECRET,
            "LEEWAY": "1s",  # so long a thief of an unbound session may be told to wait
            "ISSUER": ISSUER,
            "AUDIENCE": ISSUER,
            "REVOCATION_FEED_SECRET": FEED_SECRET,
            **settings,
        }
        self._options = {"life": LIFE, "max_age": MAX_AGE, "hurries": not FULL, **options}
        self._arguments = arguments
        self._serving: Serving | None = None

    @property
    def life(self) -> int:
        """Seconds that an access token lives, without SKEW."""
        return int(self._options["life"])

    @property
    def pid(self) -> int:
        assert self._serving is not None
        return self._serving.process.pid

    async def start(self) -> None:
        """Return once it listens, on the same port as before. If it found no store in its time, it begins again."""
        for left in reversed(range(STARTS)):
            try:
                self._serving = await asyncio.to_thread(self._start)
            except AssertionError:
                if not left:
                    raise
            else:
                return

    async def kill(self) -> None:
        """Send SIGKILL, whatever the process is doing."""
        await self.stop(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        serving, self._serving = self._serving, None
        if serving is None:
            return 0
        code, said = await asyncio.to_thread(serving.stop, number)
        self.said += said
        return code

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The process stands still while the block runs, as a virtual machine does that is moved."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _start(self) -> Serving:
        command = (sys.executable, str(HERE / self.program), json.dumps(self._options), *self._arguments)
        return Serving(self._folder, port=self.port, settings=self._settings, command=command)


class Server(Process):
    """`gatepass serve` with a store."""

    program = "subprocess_server.py"

    def __init__(
        self,
        folder: Path,
        store: str,
        *,
        sessions: str | None = None,
        workers: int = 1,
        public_port: int | None = None,
        **options: Any,
    ) -> None:
        """`options` are those of `program.Options`; `public_port` is that of the server whose cookies this one uses."""
        self.store, self.sessions, self.workers = store, sessions, workers
        settings = {"STORE": store, **({"SESSIONS": sessions} if sessions else {})}
        super().__init__(folder, settings=settings, arguments=("--workers", str(workers)), **options)
        self._settings["PUBLIC_URL"] = f"http://localhost:{public_port or self.port}"


class Guards(Process):
    """A process that signs in no one, with guards of every kind that can hear of the server's revocations."""

    program = "subprocess_guards.py"

    def __init__(
        self,
        folder: Path,
        server: Server,
        *,
        store: str | None = None,
        sessions: str | None = None,
        stream: int | None = None,
        **options: Any,
    ) -> None:
        """`store` and `sessions` are URLs in place of the server's, and `stream` is a port: those of proxies."""
        store, sessions = store or server.store, sessions or server.sessions
        guards = [{"name": "event stream", "url": f"http://localhost:{stream or server.port}/auth"}]
        if store.startswith("postgresql"):  # a SQLite file has one process
            own = {"store": store, "sessions": sessions or ""}
            guards += [
                {"name": "same store", **own},
                {"name": "behind a gate", "url": "http://localhost:OWN/auth"},
            ]
            if not sessions:
                pooled = f"{store}{'&' if '?' in store else '?'}pgbouncer=1"
                guards.append({"name": "polling", "store": pooled})
        self.names = [guard["name"] for guard in guards]
        super().__init__(folder, settings={}, arguments=(), guards=guards, **options)


@contextlib.asynccontextmanager
async def serving(process: Process) -> AsyncIterator[Any]:
    """A process that runs until the block ends or raises."""
    await process.start()
    try:
        yield process
    finally:
        await process.kill()


@contextlib.asynccontextmanager
async def under_load(server: Server, guards: Guards | None = None, **options: Any) -> AsyncIterator[Load]:
    """The load on a running server, with its guards. `options` are those of Load."""
    watch = Watch(asking=server.life + SKEW + 1)
    guards = guards or Guards(server._folder, server)
    async with serving(guards):
        with watch.asking(guards.port, guards.names), contextlib.ExitStack() as stack:
            if server.workers == 1 and "ends_at" not in options:
                stack.enter_context(watch.asking(server.port, ["server"]))
            async with Load(server.port, watch, **options) as load:
                yield load


@contextlib.asynccontextmanager
async def hosting(service: AbstractContextManager[Service]) -> AsyncIterator[Service]:
    """A service, such as `private_server()`, started and stopped in a thread: others go on meanwhile."""
    found = await asyncio.to_thread(service.__enter__)
    try:
        yield found
    finally:
        await asyncio.to_thread(service.__exit__, None, None, None)
