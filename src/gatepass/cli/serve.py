"""`gatepass serve` and `gatepass demo`."""

import logging
from pathlib import Path
from typing import Any

import click

from gatepass.cli.group import env_file_option, fail
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.wire.origin import is_loopback


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@env_file_option
def serve(host: str, port: int, env_file: Path | None) -> None:
    """Run the auth endpoints under /auth, with health and keys beside them."""
    serving = _serving()
    with serving.bind(host, port) as listener:
        port = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        local = f"http://localhost:{port}" if is_loopback(f"http://{shown}") else None
        gate = Gatepass(**Settings.load(env_file=env_file, public_url=local).arguments())
        _log_to_stderr()

        def started() -> None:
            click.echo(f"Gatepass listens on http://{shown}:{port}/auth (Ctrl-C stops it)", err=True)
            if not gate.cookies.secure:
                click.echo("Plain http on a loopback host: development cookies, without Secure.", err=True)

        serving.serve(gate.served, listener, around=gate.running, started=started)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def demo(host: str, port: int) -> None:
    """Run a page that shows everything: sign in, watch the pass die and the refresh bring a new one."""
    try:
        from gatepass.demo import serve_demo
    except ImportError:
        fail("The demo needs its extra: pip install 'gatepass[demo]'")
    serve_demo(host=host, port=port)


def _serving() -> Any:
    try:
        from gatepass.server import serving
    except ImportError:
        fail("Serving needs its extra: pip install 'gatepass[server]'")
    return serving


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # An event is a line of JSON with its own time: nothing stands before it, so that programs can read it.
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    events = logging.getLogger("gatepass.events")
    events.addHandler(lines)
    events.propagate = False
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
