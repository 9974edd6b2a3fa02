"""The applications of the guides under gunicorn, uvicorn, granian, uWSGI: processes, threads, `--preload`, SIGHUP."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gates import SECRET
from tests.support.process import environment, until_listening
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port
from tools.services.postgres import new_database, shared_server
from tools.services.processes import children

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
GUNICORN = ("gunicorn", "--workers", "2", "--bind")
UWSGI = ("pyuwsgi", "--master", "--processes", "2", "--enable-threads", "--need-app", "--die-on-term", "--http-socket")
UVICORN_WORKER = ("-k", "uvicorn_worker.UvicornWorker")
COMMANDS = {
    "gunicorn, sync": ("flask", *GUNICORN, "127.0.0.1:PORT", "app:app"),
    "gunicorn, sync, preload": ("flask", *GUNICORN, "127.0.0.1:PORT", "--preload", "app:app"),
    "gunicorn, gthread": ("flask", *GUNICORN, "127.0.0.1:PORT", "--threads", "4", "app:app"),
    "gunicorn, gthread, preload": ("flask", *GUNICORN, "127.0.0.1:PORT", "--threads", "4", "--preload", "app:app"),
    "gunicorn, uvicorn": ("fastapi", *GUNICORN, "127.0.0.1:PORT", *UVICORN_WORKER, "app:app"),
    "gunicorn, uvicorn, preload": ("fastapi", *GUNICORN, "127.0.0.1:PORT", *UVICORN_WORKER, "--preload", "app:app"),
    "uvicorn": ("fastapi", "uvicorn", "--workers", "2", "--port", "PORT", "app:app"),
    "granian, asgi": ("fastapi", "granian", "--interface", "asgi", "--workers", "2", "--port", "PORT", "app:app"),
    "uwsgi": ("flask", *UWSGI, "127.0.0.1:PORT", "--module", "app:app"),
    "uwsgi, lazy": ("flask", *UWSGI, "127.0.0.1:PORT", "--lazy-apps", "--module", "app:app"),
    "granian, wsgi": ("flask", "granian", "--interface", "wsgi", "--workers", "2", "--port", "PORT", "app:app"),
}
USUAL = {"gunicorn, gthread, preload", "gunicorn, uvicorn", "granian, wsgi", "uwsgi"}
"""Each program, each interface, with and without `--preload`, threads and a reload."""
RELOADS = {name for name in COMMANDS if name.startswith("gunicorn")}
"""SIGHUP is their word for a reload."""
NATIVE = {"Gatepass-Client": "1"}
PERSON = {"email": "ann@example.com", "password": "walnut lantern by the river"}


@contextlib.contextmanager
def running(name: str, folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The server of a name, its address, and the file of what it says."""
    example, program, *arguments = COMMANDS[name]
    pytest.importorskip(program)
    port, log = free_port(), folder / "log"
    # uWSGI is a library, which takes the arguments of the interpreter.
    start = ["-c", "import pyuwsgi; pyuwsgi.run()"] if program == "pyuwsgi" else ["-m", program]
    command = [sys.executable, "-W", "ignore", *start, *(word.replace("PORT", str(port)) for word in arguments)]
    given = {**environment(SECRET=SECRET, **settings), "PYTHONWARNINGS": "ignore", "HOME": str(folder)}
    given["PYTHONPATH"] = f"{EXAMPLES / example}{os.pathsep}{given.get('PYTHONPATH', '')}"
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=given, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        until_listening(process, port)
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()


def ask(base: str, method: str, path: str, **how: object) -> httpx2.Response:
    """On a connection of its own, so that any worker may answer."""
    with httpx2.Client(base_url=base, timeout=PATIENCE) as client:
        return client.request(method, path, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in USUAL else pytest.mark.full) for name in COMMANDS]
)
async def test_sessions_are_those_of_all_workers(name: str, tmp_path: Path) -> None:
    store = await new_database(shared_server())
    with running(name, tmp_path, STORE=store, PUBLIC_URL="http://localhost:8000") as (process, base, log):
        until(lambda: ask(base, "GET", "/auth/jwks.json").status_code == 200, "the application")
        made = ask(base, "POST", "/auth/register", json=PERSON, headers=NATIVE)
        assert made.status_code == 201, log.read_text()
        bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
        jar = dict(made.cookies)
        for _ in range(6):
            sid = {"Gatepass-Session": made.json()["session_id"]}
            cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
            refreshed = ask(base, "POST", "/auth/refresh", headers={**NATIVE, **sid, **cookie})
            assert refreshed.status_code == 200, log.read_text()
            jar |= dict(refreshed.cookies)
            assert ask(base, "GET", "/me", headers=bearer).status_code == 200
        if name in RELOADS:
            reload(process)
            assert [ask(base, "GET", "/me", headers=bearer).status_code for _ in range(4)] == [200] * 4
        assert ask(base, "POST", "/auth/logout", headers={**NATIVE, **bearer}).status_code == 204
        until(lambda: {ask(base, "GET", "/me", headers=bearer).status_code for _ in range(8)} == {401}, "all workers")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert "Traceback" not in log.read_text()


def reload(process: "subprocess.Popen[bytes]") -> None:
    """SIGHUP, and wait until other workers have taken over."""
    before = children(process.pid)
    process.send_signal(signal.SIGHUP)
    until(lambda: len(children(process.pid)) == 2 and not before & children(process.pid), "new workers")
