"""Run an ASGI application under uvicorn, with one loop that also opens and closes the gate.

One process, or one of several under a supervisor (`workers`), which then holds a `lifeline` open for as long.

uvicorn is imported here and nowhere else. Its access log stays off: events say more, and name no address.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn

from gatepass.errors import ConfigurationError
from gatepass.server.limits import Limits
from gatepass.wire.asgi import ASGIApp

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

logger = logging.getLogger("gatepass.server")

GRACE = 5
"""Seconds for running requests at shutdown: longer than any refresh, shorter than a person's patience."""

KEEP_ALIVE = 75
"""Seconds that an idle connection stays: longer than the 60 that proxies keep theirs, who else meet a closed one."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that waits for the interpreter gets it. At Python's 5 ms the store's thread loses
several of them in each commit while the event loop is busy: a tenth of the refreshes."""


SPARE_FILES = 100
"""Open files beside the connections: the store's, the log's, the interpreter's."""


class _Server(uvicorn.Server):
    """uvicorn's server under our own signal handlers, so that the gate is closed after it, not killed."""

    def __init__(self, config: uvicorn.Config, *, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests, and say so."""
        await super().startup(sockets)
        if self.started:
            self._tell_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_stopping_on_signals`."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError that names the port if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio switches Nagle's algorithm off for TCP sockets that say that they are such.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as fault:
        listener.close()
        why = str(fault.strerror).partition(" (while")[0]
        raise ConfigurationError(f"Cannot listen on {host}:{port} ({why}). Choose another: --port {port + 1}") from None
    return listener


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    around: Callable[[], AbstractAsyncContextManager[object]],
    started: Callable[[], None] = lambda: None,
    lifeline: int | None = None,
    limits: Limits | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, inside `around()`; call `started` when requests are taken.

    Beyond `limits.connections` answers are 503; heads and bodies that take longer than `limits.slow_request`, 408.

    Returns normally after a signal, however it was stopped. With a `lifeline`, a file descriptor, SIGINT is not
    ours to hear, and the server stops when the file ends.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    limits = limits or Limits()
    _allow_files(limits.connections + SPARE_FILES)
    config = uvicorn.Config(
        app,
        http=_http(),
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=limits.connections,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        server = _Server(config, started=started)
        runner.run(_serve(server, listener, around=around, lifeline=lifeline, patience=limits.slow_request))


def _http() -> Any:
    """Our protocol; on a Python without httptools what uvicorn has."""
    try:
        from gatepass.serving.http_protocol import Protocol
    except ImportError:
        return "auto"
    return Protocol


async def _serve(
    server: _Server,
    listener: socket.socket,
    *,
    around: Callable[[], AbstractAsyncContextManager[object]],
    lifeline: int | None,
    patience: float,
) -> None:
    async with around(), _stopping_on_signals(server, lifeline):
        sweeper = asyncio.create_task(_sweep(server, patience=patience), name="gatepass-sweeper")
        try:
            await server.serve(sockets=[listener])
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)


async def _sweep(server: _Server, *, patience: float) -> None:
    """Look after slow clients once a second; without httptools nobody does (`docs/reference/limits.md`)."""
    try:
        from gatepass.serving.http_protocol import sweep
    except ImportError:
        return
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1)
        if closed := sweep(tuple(server.server_state.connections), now=loop.time(), patience=patience):
            logger.warning("closed %d connections whose requests did not arrive within %g s", closed, patience)


def _allow_files(wanted: int) -> None:
    """Raise this process' own limit of open files as far as is allowed: at it, nobody can connect any more."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    if reachable < wanted:
        logger.warning("only %d files may be open here; CONNECTIONS is more than that allows", reachable)


@contextlib.asynccontextmanager
async def _stopping_on_signals(server: _Server, lifeline: int | None) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM) if lifeline is None else (signal.SIGTERM,)

    def stop() -> None:
        # The second signal does not wait for running requests.
        server.force_exit = server.should_exit
        server.should_exit = True

    def let_go() -> None:
        loop.remove_reader(lifeline or 0)
        server.should_exit = True

    for number in numbers:
        loop.add_signal_handler(number, stop)
    if lifeline is not None:
        loop.add_reader(lifeline, let_go)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if lifeline is not None:
            loop.remove_reader(lifeline)
