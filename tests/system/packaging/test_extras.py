"""Each extra alone, in a fresh environment made from the wheel: it imports, and does what it is for.

uv installs what the lock file names, from its cache or from the configured index.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.process import until_listening
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
PIN = re.compile(r"^[\w.-]+==[^\\\n]+", re.MULTILINE)
GATE = """
import secrets
from gatepass import Gatepass
Gatepass(secrets=[secrets.token_urlsafe(32)], public_url="http://localhost", store="memory://")
"""
PROBES = {
    "server": "from gatepass.serving import process; process.bind('127.0.0.1', 0).close()",
    "cli": "from gatepass.cli import main; main(['secret'])",
    "postgres": "from gatepass.stores import open_store; open_store('postgresql://localhost/none')",
    "redis": "from gatepass.stores import open_session_store; open_session_store('redis://localhost/0')",
    "client": "from gatepass.client import AsyncClient, Client; Client('http://localhost').close()",
    "keyring": "import gatepass.client.storage.keyring",
    "rich": "import gatepass.client.layers.indicators as found; import rich",
    "sentry": "from gatepass.client.layers.sentry import sentry_layer; sentry_layer()",
    "otel": "from gatepass.client.layers.otel import otel_layer; otel_layer()",
    "oidc": f"{GATE.replace('Gatepass(s', 'gate = Gatepass(s')}\n"
    "gate.oidc('acme', issuer='https://login.example', client_id='the-gate')",
    "live": "from gatepass.client import AsyncClient; from gatepass.client.live import sockets",
    "passkeys": "from gatepass.factors.fido import Fido2; Fido2()",
    "totp": "from gatepass.core.secret import Secret; from gatepass.factors.qr import svg_of\n"
    "assert svg_of(Secret('otpauth://totp/ann'))",
    "fast": "from gatepass.core import signature; assert signature.has_libsodium",
    "bcrypt": "import bcrypt; from gatepass.accounts.passwords import foreign",
    "starlette": "from gatepass.guards.starlette import current_principal",
    "fastapi": "from gatepass.guards.fastapi import CurrentPrincipal",
    "django": "from gatepass.guards.django import requires",
    "flask": "from gatepass.guards.flask import GatepassFlask",
    "litestar": "from gatepass.guards.litestar import GatepassPlugin",
    "demo": "from gatepass.demo import page, serve_demo; assert page.is_built()",
    "testing": "import gatepass.testing.battery, gatepass.testing.machine",
    "all": "import gatepass.cli, gatepass.client, gatepass.demo, gatepass.guards.django, gatepass.guards.litestar",
}

USUAL = {"client", "flask", "all"}
"""One on each side of the wire, and everything."""


class Fresh:
    """An environment with the wheel and some extras, and nothing else."""

    def __init__(self, folder: Path, wheel: Path, *, extras: str) -> None:
        self.folder = folder
        self.python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
        self.variables = {
            name: text for name, text in os.environ.items() if not name.startswith(("GATEPASS_", "PYTHON"))
        }
        pins = folder / "pins.txt"
        pins.write_text("\n".join(PIN.findall((ROOT / "requirements" / "dev.txt").read_text("utf-8"))))
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        assert uv is not None, "uv is part of requirements/uv.txt, which run.py installs"
        self._do(uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env"))
        wanted = f"gatepass{extras} @ {wheel.as_uri()}"
        self._do(uv, "pip", "install", "--quiet", "--python", str(self.python), "--constraint", str(pins), wanted)

    def run(self, *arguments: str, stdin: str = "") -> str:
        """The output of this environment's Python."""
        return self._do(str(self.python), *arguments, stdin=stdin)

    def _do(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_every_extra_is_tried() -> None:
    assert set(PROBES) == set(EXTRAS)


@pytest.mark.parametrize(
    "extra", [pytest.param(name, marks=() if name in USUAL else pytest.mark.full) for name in PROBES]
)
def test_it_works_alone(extra: str, wheel: Path, tmp_path: Path) -> None:
    Fresh(tmp_path, wheel, extras=f"[{extra}]").run("-W", "error", "-c", PROBES[extra])


def test_without_any_the_package_imports_and_says_what_the_command_line_needs(wheel: Path, tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, wheel, extras="")
    fresh.run("-W", "error", "-c", GATE)
    command = [str(fresh.python), "-m", "gatepass", "serve"]
    done = subprocess.run(command, env=fresh.variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "The command line needs its extra: pip install 'gatepass[cli]'\n")


def test_the_first_example_of_the_readme_runs_after_its_install_line(wheel: Path, tmp_path: Path) -> None:
    """Then: 401 without a token, the browser client, and an account by command, without a warning."""
    text = (ROOT / "README.md").read_text("utf-8")
    (extras,) = re.findall(r"^pip install 'gatepass(\[[a-z,]+\])'$", text, re.MULTILINE)
    fresh = Fresh(tmp_path, wheel, extras=extras)
    (tmp_path / "app.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    fresh.run("-W", "error", "-m", "gatepass", "init")
    fresh.run("-W", "error", "-m", "gatepass", "accounts", "add", "ann@example.com", stdin="seven green bottles\n")
    port = free_port()
    command = [str(fresh.python), "-m", "uvicorn", "app:app", "--port", str(port)]
    output = tmp_path / "output"
    with (
        output.open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, env=fresh.variables, stdout=log, stderr=subprocess.STDOUT) as server,
    ):
        try:
            until_listening(server, port, output=output)
            assert fresh.run("-c", STATUS, f"http://127.0.0.1:{port}/me") == "401\n"
            assert fresh.run("-c", STATUS, f"http://127.0.0.1:{port}/auth/gatepass.js") == "200\n"
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


STATUS = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def test_every_extra_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("| extra | for |")[2].partition("\n\n")[0]
    assert {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    } == set(EXTRAS)
