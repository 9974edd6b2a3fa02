"""A server process on one port, started, killed and started again while the load runs against it.

Starting blocks, so it happens in a thread, and the clients go on sending. All that a scenario starts ends with it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tests.support.gates import SECRET
from tests.support.process import COMMAND, Serving
from tests.system.faults.load import Load
from tools.services.ports import free_port

ROUNDS = 8 if os.environ.get("GATEPASS_EXPLORE") == "full" else 1
"""How often a scenario repeats its fault: `GATEPASS_EXPLORE=full` for a long run."""
WITH_CLOCK = (sys.executable, str(Path(__file__).with_name("subprocess_server.py")))
Record = Callable[[str, object], None]


class Server:
    """`gatepass serve` with a store, on a port that it keeps. `said` is the output of its processes that have ended."""

    def __init__(
        self,
        folder: Path,
        store: str,
        *,
        sessions: str | None = None,
        workers: int = 1,
        command: Sequence[str] = (*COMMAND, "serve"),
    ) -> None:
        self.port = free_port()
        self.said = ""
        self._folder = folder
        self._settings = {"SECRET": SECRET, "STORE": store, **({"SESSIONS": sessions} if sessions else {})}
        self._command = (*command, *(("--workers", str(workers)) if workers > 1 else ()))
        self._serving: Serving | None = None

    @property
    def pid(self) -> int:
        assert self._serving is not None
        return self._serving.process.pid

    async def start(self) -> None:
        """Return once it listens, on the same port as before."""
        self._serving = await asyncio.to_thread(self._start)
        self.port = self._serving.port

    async def kill(self) -> None:
        """Send SIGKILL, whatever the server is doing."""
        await self.stop(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        serving, self._serving = self._serving, None
        if serving is None:
            return 0
        code, said = await asyncio.to_thread(serving.stop, number)
        self.said += said
        return code

    def _start(self) -> Serving:
        return Serving(self._folder, port=self.port, settings=self._settings, command=self._command)


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    """A server that runs until the block ends or raises."""
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


async def conclude(load: Load, scenario: str, record: Record) -> None:
    """Check every session, record the counts, and require the four zeros."""
    verdict = await load.verdict(scenario)
    record("faults", str(verdict))
    verdict.check()
