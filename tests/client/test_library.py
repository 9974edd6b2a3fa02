"""A program with httpx and httpx2 chooses one of them, before it uses the client (J3)."""

import subprocess
import sys

import pytest

from gatepass.client import library

pytestmark = pytest.mark.slow
WITH_HTTPX = """
from gatepass.client.library import use
use("httpx")
import httpx, sys
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
assert "httpx2" not in sys.modules
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


def test_there_is_no_third_library() -> None:
    with pytest.raises(ValueError, match="httpx2 or httpx"):
        library.use("requests")  # type: ignore[arg-type]
