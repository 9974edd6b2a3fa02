"""The command line: serve, demo, init, accounts.

Exit codes: 0 done, 1 refused or failed (one sentence on standard error, what to do included), 2 usage.
"""

import asyncio
import json
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any, NoReturn

from gatepass.errors import GatepassError, Problem
from gatepass.gate import Gatepass
from gatepass.settings import ENV_FILE, Settings
from gatepass.wire.bodies import parse_email
from gatepass.wire.origin import is_loopback

try:
    import click
except ImportError:  # pragma: no cover - exercised in a process of its own
    sys.exit("The command line needs its extra: pip install 'gatepass[cli]'")

SECRET_FILE = "gatepass.secret"
_SETTINGS_TEXT = """\
# Settings of this gate; the environment overrides them. Keep the secret file out of version control.
GATEPASS_SECRET_FILE={secret_file}
GATEPASS_PUBLIC_URL={public_url}
GATEPASS_STORE=sqlite:///gatepass.db
"""


class Commands(click.Group):
    """Turns every error that we raise on purpose into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            _fail(_sentence(problem))
        except GatepassError as error:
            _fail(str(error))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gatepass")
def main() -> None:
    """Sessions that keep people signed in."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--env-file", type=click.Path(path_type=Path), help=f"Settings file instead of ./{ENV_FILE}.")
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


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def demo(host: str, port: int) -> None:
    """Run a page that shows everything: sign in, watch the pass die and the refresh bring a new one."""
    try:
        from gatepass.demo import serve_demo
    except ImportError:
        _fail("The demo needs its extra: pip install 'gatepass[demo]'")
    serve_demo(host=host, port=port)


@main.command()
@click.option("--public-url", default="http://localhost:8000", show_default=True, help="What browsers use.")
def init(public_url: str) -> None:
    """Write a secret and a settings file here. Never overwrites one."""
    written = []
    for name, text, mode in (
        (SECRET_FILE, secrets.token_urlsafe(32) + "\n", 0o600),
        (ENV_FILE, _SETTINGS_TEXT.format(secret_file=SECRET_FILE, public_url=public_url), 0o644),
    ):
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            click.echo(f"kept    {name} (it is there already)")
            continue
        except OSError as fault:
            _fail(f"Cannot write {name}: {fault.strerror}.")
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        written.append(name)
        click.echo(f"written {name}")
    click.echo("Next: gatepass serve" if written else "Nothing to do.")


@main.group()
def accounts() -> None:
    """Make accounts."""


@accounts.command()
@click.argument("email")
@click.option("--env-file", type=click.Path(path_type=Path), help=f"Settings file instead of ./{ENV_FILE}.")
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def add(email: str, env_file: Path | None, as_json: bool) -> None:
    """Make an account. The password comes from a prompt, or from one line of standard input."""
    settings = Settings.load(env_file=env_file, public_url="http://localhost")
    gate = Gatepass(**settings.arguments())
    display, email_key = parse_email(email)
    password = _read_password()

    async def make() -> dict[str, object]:
        async with gate.running():
            account = await gate.accounts.add(display, password, email_key=email_key)
        return {"id": account.id, "email": account.email}

    made = asyncio.run(make())
    click.echo(json.dumps(made) if as_json else f"made account {made['id']} for {made['email']}")


def _read_password() -> str:
    if sys.stdin.isatty():
        prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return prompted
    try:
        return sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        _fail("The password on standard input is not UTF-8 text.")


def _serving() -> Any:
    try:
        from gatepass.server import serving
    except ImportError:
        _fail("Serving needs its extra: pip install 'gatepass[server]'")
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


def _sentence(problem: Problem) -> str:
    """What is wrong with a named value, if the problem has that; else its detail."""
    errors = problem.facts.get("errors")
    if errors is None or isinstance(errors, str | int):
        return problem.detail
    return " ".join(error["message"] for error in errors)


def _fail(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    raise SystemExit(1)
