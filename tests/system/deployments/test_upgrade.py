"""An upgrade over the last migration, and back, under load: the program of before it runs beside that of after it.

The program of before is one of the history: the newest that has all migrations of today but the last.
"""

import asyncio
import signal
import subprocess
import tarfile
from pathlib import Path

import httpx2
import pytest

from gatepass.stores.migrations import load
from tests.support.process import COMMAND, Serving, gatepass
from tests.system.deployments.test_reload import SETTINGS, Load
from tools.services.ports import free_port
from tools.services.postgres import new_database, shared_server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
LAST = load("postgres")[-1]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the program that does not know the last migration."""
    commit = before_the_last()
    if commit is None:
        pytest.skip("the history of this checkout does not reach back to the last migration")
    folder = tmp_path_factory.mktemp("earlier")
    archive = folder / "src.tar"
    git("archive", "--output", str(archive), commit, "src/gatepass")
    with tarfile.open(archive) as packed:
        # Not by an argument: Python 3.11.0 to 3.11.3 have no filters.
        packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        packed.extractall(folder)
    return folder / "src"


def before_the_last() -> str | None:
    """The commit of the program of before; None without one."""
    folder = "src/gatepass/stores/postgres/migrations/"
    wanted = [line for line in git("ls-tree", "HEAD", folder).splitlines() if LAST.name not in line]
    for commit in git("rev-list", "--date-order", "HEAD").split():
        if git("ls-tree", commit, folder).splitlines() == wanted:
            return commit
    return None


def git(*arguments: str) -> str:
    """What git prints; nothing if it fails, or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def start(folder: Path, port: int, store: str, sources: Path | None = None) -> Serving:
    """A server of this program, or of the one at `sources`."""
    with pytest.MonkeyPatch.context() as patch:
        if sources is not None:
            patch.setenv("PYTHONPATH", str(sources))
        settings = {**SETTINGS, "STORE": store, "TRUSTED_PROXIES": "127.0.0.1"}
        return Serving(folder, port=port, settings=settings, command=(*COMMAND, "serve"))


async def test_two_servers_are_upgraded_in_turns_and_downgraded_again_and_no_request_fails(
    tmp_path: Path, earlier: Path
) -> None:
    store = await new_database(shared_server(), migrated=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(earlier))
        assert gatepass(tmp_path, "migrate", STORE=store, **SETTINGS).returncode == 0
    assert LAST.name in gatepass(tmp_path, "migrate", "--check", STORE=store, **SETTINGS).stderr
    ports = [free_port(), free_port()]
    servers = [start(tmp_path, port, store, earlier) for port in ports]

    async def replace(number: int, sources: Path | None) -> None:
        """Of the one that the load does not ask at the moment, as a proxy does (`test_reload`)."""
        await asyncio.to_thread(servers[number].stop, signal.SIGTERM)
        servers[number] = await asyncio.to_thread(start, tmp_path, ports[number], store, sources)

    try:
        async with httpx2.AsyncHTTPTransport() as transport:
            async with Load(f"http://127.0.0.1:{ports[0]}", transport).running() as running:
                await running.progress()
                migrated = await asyncio.to_thread(gatepass, tmp_path, "migrate", STORE=store, **SETTINGS)
                assert (migrated.returncode, f"applied {LAST.name}" in migrated.stdout) == (0, True)
                await running.progress()
                await replace(1, None)
                await running.move(f"http://127.0.0.1:{ports[1]}")
                await replace(0, earlier)  # crashed and started again: the earlier program on the later schema
                await running.move(f"http://127.0.0.1:{ports[0]}")
            assert running.failures() == {}
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)
