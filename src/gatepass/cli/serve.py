"""`gatepass serve` and `gatepass demo`."""

import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from gatepass.cli.common import env_file_option, fail_without
from gatepass.cli.group import fail
from gatepass.doctor.configuration import check_files
from gatepass.doctor.pages import check_pages
from gatepass.gate import Gatepass
from gatepass.runtime.event_log import EventLog
from gatepass.runtime.log_queue import LogQueue
from gatepass.serving.activation import activated_socket
from gatepass.serving.handover import Inheritance
from gatepass.serving.opening import running_soon
from gatepass.serving.place import Place
from gatepass.serving.unix_socket import unix_socket
from gatepass.serving.workers import supervise
from gatepass.settings import Settings
from gatepass.wire.address import UNIX
from gatepass.wire.origin import is_loopback

logger = logging.getLogger("gatepass.workers")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--uds", type=click.Path(path_type=Path), help="Listen on a Unix socket, for a proxy, instead of host and port."
)
@click.option("--fd", type=click.IntRange(3), help="Take the listening socket that the parent process has opened.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes; more than one needs a shared store.",
)
@env_file_option
def serve(host: str, port: int, uds: Path | None, fd: int | None, workers: int, env_file: Path | None) -> None:
    """Serve the auth endpoints under /auth, and health checks and public keys beside them.

    SIGTERM stops when the requests under way have their answers. SIGHUP reloads code and settings without a gap.
    A socket of systemd is taken without an option.
    """
    process = _load_process()
    inherited = Inheritance.take()
    with _listening(host, port, uds, fd, inherited) as (listener, local):
        settings = Settings.load(env_file=env_file, public_url=local)
        arguments = settings.arguments()
        gate = Gatepass(**arguments)
        _refuse_more_than_one(workers, gate)
        log = _log_to_stderr(gate)
        if inherited is not None and not gate.store.is_shared and not inherited.wait_for_go():
            return
        with contextlib.closing(Place(listener, inherited=inherited, refusal=_no_reload(gate))) as place:

            def started() -> None:
                click.echo(f"Gatepass listens on {_shown(listener)}/auth (Ctrl-C stops it)", err=True)
                for sentence in (*_advice(settings, listener), *_exposed(settings, env_file)):
                    click.echo(sentence, err=True)
                place.started()

            options = {"limits": gate.limits, "proxies": arguments["browsers"].proxies}
            if workers == 1:
                is_late = inherited is not None and not gate.store.is_shared
                around = (lambda: running_soon(gate)) if is_late else gate.running
                with _writing(log):
                    lifeline = place.lifeline
                    process.serve(
                        gate.served, listener, around=around, started=started, lifeline=lifeline, place=place, **options
                    )
                    place.keep()
            else:
                _serve_with(workers, gate, listener=listener, started=started, log=log, place=place, **options)
                place.keep()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--tls", is_flag=True, help="Speak https, with a certificate that is made here.")
def demo(host: str, port: int, tls: bool) -> None:
    """Serve a page that shows sessions at work: sign in, let the pass expire, play a thief."""
    try:
        from gatepass.demo import serve_demo
    except ModuleNotFoundError as missing:
        fail_without(missing, "starlette", "uvicorn", sentence="The demo needs its extra: pip install 'gatepass[demo]'")
    serve_demo(host=host, port=port, tls=tls)


@contextlib.contextmanager
def _listening(
    host: str, port: int, uds: Path | None, fd: int | None, inherited: Inheritance | None
) -> Iterator[tuple[socket.socket, str | None]]:
    """The listening socket, and the public URL where none is set (None: it must be)."""
    process = _load_process()
    if inherited is not None:
        fd = inherited.listener
    elif (activated := activated_socket()) is not None:
        if {fd, uds} - {None, activated}:
            fail("systemd has opened the listening socket: leave out --fd and --uds.")
        fd = activated
    if inherited is None and (fd, uds) != (None, None):
        _refuse_an_address()
    with contextlib.ExitStack() as stack:
        if fd is not None:
            listener = stack.enter_context(process.adopt(fd))
        elif uds is not None:
            listener = stack.enter_context(unix_socket(uds))
        else:
            listener = stack.enter_context(process.bind(host, port))
        shown = _shown(listener)
        is_local = shown.startswith("http:") and is_loopback(shown)
        yield listener, f"http://localhost:{listener.getsockname()[1]}" if is_local else None


def _refuse_an_address() -> None:
    """Exit if the command names a host or a port beside a socket, by which it would not be reached."""
    source = click.get_current_context().get_parameter_source
    given = [f"--{name}" for name in ("host", "port") if source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"{' and '.join(given)}: this server listens on a socket alone, so leave it out.")


def _shown(listener: socket.socket) -> str:
    """The address of a listening socket, as a person reads it."""
    name = listener.getsockname()
    if listener.family == getattr(socket, "AF_UNIX", None):
        return f"unix:{name}:"
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _advice(settings: Settings, listener: socket.socket) -> Iterator[str]:
    """What does not fit together, in a sentence each, with what to set."""
    url = settings.public_url or ""
    port = None if _shown(listener).startswith("unix:") else listener.getsockname()[1]
    if url.startswith("http:"):
        yield "Plain http on a loopback host: development cookies, without Secure."
        public = urlsplit(url).port or 80
        if port is not None and public != port:
            yield (
                f"GATEPASS_PUBLIC_URL is {url}, and this server listens on port {port}: pages of "
                f"http://localhost:{port} are refused. Set GATEPASS_PUBLIC_URL=http://localhost:{port}, unless a proxy "
                f"on port {public} stands in front."
            )
    elif port is None and UNIX not in settings.trusted_proxies:
        yield "No client has an address here: set GATEPASS_TRUSTED_PROXIES=unix, and let the proxy set X-Forwarded-For."
    elif not settings.trusted_proxies:
        yield (
            f"This server speaks plain http, so a proxy must stand in front for {url}. Set GATEPASS_TRUSTED_PROXIES to "
            "its address, and let it set X-Forwarded-For: without that no limit per network holds."
        )
    for finding in check_pages(settings):
        yield finding.message if finding.level == "ok" else f"{finding.message} {finding.fix}"


def _exposed(settings: Settings, env_file: Path | None) -> Iterator[str]:
    """A sentence for each file with secrets that other users can read, with the command that mends it."""
    found = check_files(settings, env_file=env_file)
    return (f"{finding.message} {finding.fix}" for finding in found if finding.level == "error")


def _no_reload(gate: Gatepass) -> str | None:
    return "STORE is memory://, and a reload would sign all users out" if gate.store.is_private else None


def _refuse_more_than_one(workers: int, gate: Gatepass) -> None:
    if workers > 1 and not gate.store.is_shared:
        fail(
            f"--workers {workers} needs a store that processes can share: set GATEPASS_STORE=postgresql://… "
            "A SQLite file must have one writing process (SQLite before 3.51.3 can corrupt a WAL file that two "
            "processes write), and memory:// is inside one process."
        )


def _serve_with(
    workers: int,
    gate: Gatepass,
    *,
    listener: socket.socket,
    started: Callable[[], None],
    log: LogQueue | None,
    place: Place,
    **options: Any,
) -> None:
    process = _load_process()

    def work(ready: Callable[[], None], lifeline: int, has_served: bool) -> None:
        place.close()
        around = (lambda: running_soon(gate)) if has_served else gate.running
        with _writing(log):
            process.serve(gate.served, listener, around=around, started=ready, lifeline=lifeline, **options)

    def lost(code: int) -> None:
        logger.warning("a worker ended with exit code %d and is replaced", code)

    if not supervise(work, count=workers, started=started, lost=lost, place=place):
        raise SystemExit(1)


def _load_process() -> Any:
    try:
        from gatepass.serving import process
    except ModuleNotFoundError as missing:
        fail_without(missing, "uvicorn", sentence="Serving needs its extra: pip install 'gatepass[server]'")
    return process


def _log_to_stderr(gate: Gatepass) -> LogQueue | None:
    """Log to standard error, by a queue where it is a file of the system."""
    try:
        log = LogQueue(sys.stderr)
    except OSError:
        log = None
    stream: Any = log or sys.stderr
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=stream)
    # An event is a line of JSON with its own time. Without a prefix programs can read it.
    gate.events.add(EventLog(stream))
    logging.getLogger("gatepass.events").setLevel(logging.CRITICAL + 1)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return log


@contextlib.contextmanager
def _writing(log: LogQueue | None) -> Iterator[None]:
    """Write the log in a thread of this process until the end of the block."""
    if log is None:
        yield
        return
    log.start()
    try:
        yield
    finally:
        log.close()
