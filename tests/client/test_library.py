"""A program with httpx and httpx2 can choose the default, before it uses the client (J3)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatepass.client import library

pytestmark = pytest.mark.slow
WITH_HTTPX = """
from gatepass.client.library import use
use("httpx")
import httpx
from gatepass.client import Client, ClientError, GatepassAuth, MemoryStorage, NotFoundError, with_interceptors

def answer(request):
    return httpx.Response(404 if request.url.path == "/gone" else 200, json={"path": request.url.path})

transport = httpx.MockTransport(answer)
own = httpx.Client(base_url="https://api.example", transport=transport)
layered = with_interceptors(own, raise_errors=True)
assert isinstance(layered, httpx.Client) and isinstance(layered, Client)
assert layered.get("/x").json() == {"path": "/x"}
try:
    layered.get("/gone")
except httpx.HTTPStatusError as error:
    assert isinstance(error, NotFoundError)
else:
    raise AssertionError("no error")
auth = GatepassAuth("https://api.example/auth", transport=transport)
assert isinstance(auth, httpx.Auth)
assert httpx.Client(auth=auth, transport=transport).get("https://api.example/y").status_code == 200
use("httpx")
try:
    use("httpx2")
except RuntimeError as late:
    print(late)
"""


def test_who_chooses_httpx_has_the_clients_the_errors_and_the_auth_of_httpx() -> None:
    done = subprocess.run([sys.executable, "-c", WITH_HTTPX], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "before any other name" in done.stdout


@pytest.mark.parametrize(
    ("gone", "last"),
    [
        ({"httpx2", "httpx"}, "ImportError: The client needs its extra: pip install 'gatepass[client]'"),
        ({"httpx2"}, "httpx"),
        ({"httpx"}, "httpx2"),
    ],
)
def test_either_library_is_enough(gone: set[str], last: str) -> None:
    without = "import sys; " + "; ".join(f"sys.modules[{name!r}] = None" for name in gone)
    code = f"{without}; from gatepass.client import Client; print(Client.library.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).splitlines()[-1] == last


def test_a_library_that_is_installed_and_broken_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "httpx2.py").write_text("from httpcore3 import gone")
    search = os.pathsep.join([str(tmp_path), *sys.path])
    command = [sys.executable, "-c", "import gatepass.client.sync"]
    done = subprocess.run(command, env={"PYTHONPATH": search}, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'httpcore3'"


def test_there_is_no_third_library() -> None:
    with pytest.raises(ValueError, match="httpx2 or httpx"):
        library.use("requests")  # type: ignore[arg-type]
