"""`gatepass demo`: one process, one SQLite file, one account to start with, and five lines that say what to do.

The secret is made at the first start and kept beside the database, so visitors stay signed in when the demo restarts.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.demo import certificate, page
from gatepass.demo.app import EMAIL, OWNER_EMAIL, PASSWORD, demo_app
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.gate import Gatepass
from gatepass.serving import process
from gatepass.system import new_secret
from gatepass.wire.bodies import email_key
from gatepass.wire.browsers import Browsers
from gatepass.wire.origin import is_loopback

_CUT = "ASGI callable returned without completing response."
"""What uvicorn logs for a response that was cut off on purpose."""


def serve_demo(host: str = "127.0.0.1", port: int = 8000, *, tls: bool = False, directory: Path | None = None) -> None:
    """Serve the demo until Ctrl-C. `directory` keeps database and secret; by default the user's state folder.

    With `tls` it speaks https, with a certificate of its own: cookies are those of production.

    Raises ConfigurationError if the page is not built, the host is not loopback, or the port is taken.
    """
    if not is_loopback(f"http://{host}"):
        raise ConfigurationError("The demo is for this machine only: its password is on the page. Use a loopback host.")
    if not page.is_built():
        raise ConfigurationError("The page is not built. In a checkout run: python3 run.py demo")
    listener = process.bind(host, port)
    port = listener.getsockname()[1]
    directory = directory or _state_directory(port)
    url = f"{'https' if tls else 'http'}://localhost:{port}"
    gate = Gatepass(
        secrets=[_secret(directory)],
        public_url=url,
        store=f"sqlite:///{directory / 'demo.db'}",
        policy=Policy.demo(),
        browsers=Browsers(hsts="off"),  # other programs serve other ports of localhost
        passkeys=Passkeys(rp_id="localhost", service="Gatepass demo"),
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.getMessage() != _CUT)
    # Each thief of the demo is a critical event. The page shows it, the terminal need not.
    logging.getLogger("gatepass.events").setLevel(logging.CRITICAL + 1)

    @contextlib.asynccontextmanager
    async def around() -> AsyncIterator[None]:
        async with gate.running():
            await _add_accounts(gate)
            yield

    process.serve(
        demo_app(gate),
        listener,
        around=around,
        started=lambda: _explain(url, directory),
        certificate=certificate.provide(directory) if tls else None,
    )


async def _add_accounts(gate: Gatepass) -> None:
    for email in (EMAIL, OWNER_EMAIL):
        key = email_key(email)
        if await gate.store.find_account_by_email(key) is None:
            await gate.accounts.add(email, Secret(PASSWORD), email_key=key)


def _explain(url: str, directory: Path) -> None:
    print(f"Gatepass demo:  {url}")
    if url.startswith("https:"):
        print("Certificate:    made here and signed by itself, so the browser asks once whether to go on")
    print(f"Sign in as:     {EMAIL}, password: {PASSWORD} (or press the button for it)")
    print("Try:            let the pass run out, lose a response, go offline, 50 calls at once, a thief, a passkey")
    print(f"Kept in:        {directory} (delete it to begin anew)")
    print("Stop with:      Ctrl-C", flush=True)


def _state_directory(port: int) -> Path:
    """A folder per port, since two processes must not write one SQLite file; a temporary one if it cannot be made."""
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        directory = Path(home) / "gatepass-demo" / str(port)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(directory, os.W_OK):
            return directory
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        pass
    return Path(tempfile.mkdtemp(prefix="gatepass-demo-"))


def _secret(directory: Path) -> str:
    """The secret in `directory`, made now if there is none, with mode 600."""
    file = directory / "secret"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    text = new_secret()
    with os.fdopen(descriptor, "w") as made:
        made.write(text + "\n")
    return text
