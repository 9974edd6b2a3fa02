"""With httpx 0.28 alone, the client does the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.harness import PASSWORD, Harness
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, sys
sys.modules["httpx2"] = None
import httpx
from gatepass.client import AsyncClient, Client, GatepassAuth, MemoryStorage
from gatepass.client.http import httpx as chosen
from gatepass.client.errors import ClientError
assert chosen is httpx and issubclass(Client, httpx.Client), "httpx is what is there"
url, password = sys.argv[1:]

def expire(session):
    from dataclasses import replace
    session.state.current = replace(session.state.current, expires_at=0.0, refresh_after=0.0, grace_until=0.0)
    storage = session._saved.storage
    storage.save(replace(storage.load(), access_token="ey.old", expires_at=1.0))

with Client(url, follow_redirects=True) as api:
    api.sign_up("httpx028@example.com", password)
    expire(api.session)
    assert api.get("/auth/me").status_code == 200
    assert list(api.cookies.jar) == []
    handle = api.interceptors.request.use(lambda request: request.headers.update({"X-A": "1"}))
    assert api.get("/auth/me").request.headers["X-A"] == "1"
    try:
        api.sign_in("httpx028@example.com", "wrong password, quite long")
    except httpx.HTTPStatusError as error:
        assert isinstance(error, ClientError)
    else:
        raise AssertionError("no error")

async def main():
    async with AsyncClient(url) as api:
        await api.sign_in("httpx028@example.com", password)
        expire(api.session)
        answers = await asyncio.gather(*[api.get("/auth/me") for _ in range(20)])
        assert {answer.status_code for answer in answers} == {200}

asyncio.run(main())
with httpx.Client(auth=GatepassAuth(url + "/auth")) as own:
    own.auth.sign_in("httpx028@example.com", password)
    expire(own.auth.session)
    assert own.get(url + "/auth/me").status_code == 200
print("done")
"""
FAST = [
    "test_flow.py",
    "test_body_replay.py",
    "layers/test_interceptors.py",
    "test_redirects.py",
    "session/test_refresh_table.py",
]
ALIAS = "import sys, httpx; sys.modules['httpx2'] = httpx; sys.modules['gatepass_httpx'] = httpx"


def test_a_program_with_httpx_alone(real: Harness) -> None:
    # Not forked: such a process has imported the client, with httpx2, before it begins.
    command = [sys.executable, "-W", "error", "-c", PROGRAM, real.url, PASSWORD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.full
def test_our_tests_that_need_no_server_pass_over_httpx(tmp_path: Path) -> None:
    """The test files say `httpx2`; in this process that name is httpx, before anything else is imported."""
    plugin = tmp_path / "over_httpx.py"
    plugin.write_text(ALIAS)
    files = [f"tests/client/{name}" for name in FAST]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "over_httpx", "-p", "no:cacheprovider", *files]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode:
        pytest.fail(done.stdout[-4000:] + done.stderr[-1000:])
