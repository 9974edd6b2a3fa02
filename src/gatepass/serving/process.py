"""Runs an ASGI application under uvicorn, on one event loop that also opens and closes the gate.

It is the only process, or one of several under a supervisor (`workers.py`), which then holds a `lifeline` open.

A server that is told to stop loses no answer. It accepts what waits in the listening socket, closes that, and announces
in each response that it is the last one of its connection. Idle connections stay open for a moment longer: a proxy may
just be sending a request on one, and may not repeat a POST. Streams of events are ended.

The access log of uvicorn stays off: events say more, and contain no full address.
"""

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import uvicorn

from gatepass.errors import ConfigurationError
from gatepass.server.limits import Limits
from gatepass.serving.admission import Admission
from gatepass.serving.place import Place
from gatepass.wire.address import Proxies
from gatepass.wire.asgi import ASGIApp

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

logger = logging.getLogger("gatepass.server")

SHUTDOWN_TIMEOUT = 9
"""Seconds for running requests at shutdown: longer than the 8 that a request waits for its store at most, and shorter
than the 10 after which Docker kills. A second signal cuts it short."""

ACCEPT_TIMEOUT = 1.0
"""Seconds in which a server that stops accepts what waits. Where other processes accept too, more may come for ever."""

KEEP_ALIVE_TIMEOUT = 75
"""Seconds that an idle connection is kept: longer than the 60 of proxies, which would otherwise use a closed one."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that waits for the interpreter gets it. At Python's 5 ms the store's thread waits for
several of them in each commit while the event loop is busy, which costs a tenth of the refreshes."""

SPARE_FILES = 100
"""Open files other than connections: those of the store, the log and the interpreter."""


class _Server(uvicorn.Server):
    """uvicorn's server with our signal handlers, so that the gate is closed after it."""

    def __init__(self, config: uvicorn.Config, *, admission: Admission, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._admission = admission
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept requests, then call `started`."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let each connection have its last response, those too that the system has accepted and we have not."""
        self._admission.is_draining = True
        end = time.monotonic() + ACCEPT_TIMEOUT
        while any(map(_has_waiting, sockets or ())) and time.monotonic() < end:  # noqa: ASYNC110 (of the system)
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_stopping_on_signals`."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError, which names the port, if it cannot listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is given because asyncio disables Nagle's algorithm only for sockets whose protocol is TCP.
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


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that another process has opened. Raises ConfigurationError if it is none."""
    try:
        listener = socket.socket(fileno=descriptor)
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it does not listen")
        listener.set_inheritable(False)
    except OSError as fault:
        why = fault.strerror or fault
        raise ConfigurationError(f"Cannot listen on descriptor {descriptor} ({why}). Hand over a socket.") from None
    return listener


def _has_waiting(listener: socket.socket) -> bool:
    """Whether a connection waits to be accepted."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    around: Callable[[], AbstractAsyncContextManager[object]],
    started: Callable[[], None] = lambda: None,
    lifeline: int | None = None,
    place: Place | None = None,
    limits: Limits | None = None,
    proxies: Proxies | None = None,
    certificate: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, inside the context `around()`. Calls `started` when requests are accepted.

    With a `certificate`, a PEM file that also has the private key, it speaks https.

    Beyond `limits.connections` the response is 503; to a request slower than `limits.slow_request` it is 408. Of
    the connections one network has a share, unless it is one of the trusted `proxies`.

    Returns normally after a signal. With a `lifeline`, a file descriptor, SIGINT is left to the supervisor, and the
    server also stops at the end of that file. With a `place` it also returns when a successor takes over.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    limits = limits or Limits()
    _allow_files(limits.connections + SPARE_FILES)
    admission = Admission(limits.connections, proxies or Proxies())
    config = uvicorn.Config(
        app,
        http=_http(admission),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_certfile=certificate,
    )
    if config.http == "auto":
        config.limit_concurrency = limits.connections
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        server = _Server(config, admission=admission, started=started)
        stops = _stopping(server, lifeline, place)
        runner.run(_serve(server, listener, around=around, stops=stops, slow_request=limits.slow_request))


def _http(admission: Admission) -> Any:
    """Our protocol, or that of uvicorn if httptools is missing."""
    ours = _http_protocol()
    return type("AdmittingProtocol", (ours.HttpProtocol,), {"admission": admission}) if ours else "auto"


def _http_protocol() -> Any:
    """The module of our protocol; None without httptools. One that is installed and broken is a defect, which is told.

    Without our protocol heads and bodies have no bounds but those of uvicorn (`docs/reference/limits.md`).
    """
    try:
        from gatepass.serving import http_protocol
    except ModuleNotFoundError as missing:
        if missing.name != "httptools":
            raise
        return None
    return http_protocol


async def _serve(
    server: _Server,
    listener: socket.socket,
    *,
    around: Callable[[], AbstractAsyncContextManager[object]],
    stops: AbstractAsyncContextManager[None],
    slow_request: float,
) -> None:
    async with around(), stops:
        sweeper = asyncio.create_task(_sweep(server, slow_request=slow_request), name="gatepass-sweeper")
        try:
            await server.serve(sockets=[listener])
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)


async def _sweep(server: _Server, *, slow_request: float) -> None:
    """Close slow connections, once a second. Not available without httptools (`docs/reference/limits.md`)."""
    ours = _http_protocol()
    if ours is None:
        return
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1)
        slow, stalled = ours.sweep(tuple(server.server_state.connections), now=loop.time(), timeout=slow_request)
        if slow:
            logger.warning("closed %d connections whose requests did not arrive within %g s", slow, slow_request)
        if stalled:
            logger.warning("closed %d connections whose clients took nothing for %g s", stalled, slow_request)


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files of this process as far as allowed: at the limit no client can connect."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
        except (ValueError, OSError):  # macOS names no hard limit, and has one
            reachable = soft
    if reachable < wanted:
        logger.warning("only %d files may be open here, fewer than CONNECTIONS needs", reachable)


@contextlib.asynccontextmanager
async def _stopping(server: _Server, lifeline: int | None, place: Place | None) -> AsyncIterator[None]:
    """Stop at signals, at the end of the lifeline, and when a successor takes over."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM) if lifeline is None else (signal.SIGTERM,)

    def leave() -> None:
        server.should_exit = True

    def stop() -> None:
        # After a second signal, running requests are not waited for.
        server.force_exit = server.should_exit
        if place is not None and not server.should_exit:
            place.stopping()
        leave()

    def on_lifeline_end() -> None:
        loop.remove_reader(lifeline or 0)
        stop()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    if lifeline is not None:
        loop.add_reader(lifeline, on_lifeline_end)
    try:
        with place.in_loop(leave) if place is not None else contextlib.nullcontext():
            yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if lifeline is not None:
            loop.remove_reader(lifeline)
