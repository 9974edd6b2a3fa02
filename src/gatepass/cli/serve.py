"""`gatepass serve` and `gatepass demo`."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gatepass.cli.common import env_file_option, fail
from gatepass.gate import Gatepass
from gatepass.runtime.event_log import EventLog
from gatepass.serving.workers import supervise
from gatepass.settings import Settings
from gatepass.wire.origin import is_loopback

logger = logging.getLogger("gatepass.workers")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes; more than one needs a shared store.",
)
@env_file_option
def serve(host: str, port: int, workers: int, env_file: Path | None) -> None:
    """Serve the auth endpoints under /auth, and health checks and public keys beside them."""
    process = _load_process()
    with process.bind(host, port) as listener:
        port = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        local = f"http://localhost:{port}" if is_loopback(f"http://{shown}") else None
        gate = Gatepass(**Settings.load(env_file=env_file, public_url=local).arguments())
        _log_to_stderr(gate)

        def started() -> None:
            click.echo(f"Gatepass listens on http://{shown}:{port}/auth (Ctrl-C stops it)", err=True)
            if not gate.cookies.secure:
                click.echo("Plain http on a loopback host: development cookies, without Secure.", err=True)

        if workers == 1:
            process.serve(gate.served, listener, around=gate.running, started=started, limits=gate.limits)
        else:
            _serve_with(workers, gate, listener=listener, started=started)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def demo(host: str, port: int) -> None:
    """Serve a page that shows sessions at work: sign in, let the pass expire, play a thief."""
    try:
        from gatepass.demo import serve_demo
    except ImportError:
        fail("The demo needs its extra: pip install 'gatepass[demo]'")
    serve_demo(host=host, port=port)


def _serve_with(workers: int, gate: Gatepass, *, listener: Any, started: Callable[[], None]) -> None:
    if not gate.store.is_shared:
        fail(
            f"--workers {workers} needs a store that processes can share: set GATEPASS_STORE=postgresql://… "
            "A SQLite file must have one writing process (SQLite before 3.51.3 can corrupt a WAL file that two "
            "processes write), and memory:// is inside one process."
        )
    process = _load_process()

    def work(ready: Callable[[], None], lifeline: int) -> None:
        process.serve(gate.served, listener, around=gate.running, started=ready, lifeline=lifeline, limits=gate.limits)

    def lost(code: int) -> None:
        logger.warning("a worker ended with exit code %d and is replaced", code)

    if not supervise(work, count=workers, started=started, lost=lost):
        raise SystemExit(1)


def _load_process() -> Any:
    try:
        from gatepass.serving import process
    except ImportError:
        fail("Serving needs its extra: pip install 'gatepass[server]'")
    return process


def _log_to_stderr(gate: Gatepass) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # An event is a line of JSON with its own time. Without a prefix programs can read it.
    gate.on_event(EventLog(sys.stderr))
    logging.getLogger("gatepass.events").setLevel(logging.CRITICAL + 1)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
