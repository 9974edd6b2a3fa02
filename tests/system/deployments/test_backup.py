"""Backup and restore of each store while the server serves, with the commands of the guide."""

import asyncio
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.browser import Browser
from tests.support.process import Remote, Serving, gatepass, serving
from tests.system.deployments.test_reload import ORIGIN, SETTINGS, Load
from tools.services import valkey
from tools.services.postgres import binaries, execute, new_database, shared_server

pytestmark = pytest.mark.slow

FILE = {**SETTINGS, "STORE": "sqlite:///gate.db"}


async def signed_in(server: Serving, transport: httpx2.AsyncHTTPTransport, email: str) -> Browser:
    browser = Browser(Remote(f"http://127.0.0.1:{server.port}", transport), mount="/auth", origin=ORIGIN)
    assert (await browser.register(email)).status == 201
    return browser


async def sign_out(browser: Browser) -> None:
    """After the copy was made. A thief has kept the cookies."""
    kept = dict(browser.jar)
    assert (await browser.logout()).status == 204
    browser.jar = kept


async def after_a_restore(server: Serving, transport: httpx2.AsyncHTTPTransport, ann: Browser, eve: Browser) -> None:
    """No session comes back, and all people can sign in again."""
    for browser, email in ((ann, "ann@example.com"), (eve, "eve@example.com")):
        browser.app = Remote(f"http://127.0.0.1:{server.port}", transport)
        answer = await browser.refresh()
        assert (answer.status, answer.json().get("reason")) in (
            (401, "revoked"),
            (401, "ended"),
            (401, "signed-out"),
        ), answer.body
        assert (await browser.login(email)).status == 200


async def test_a_sqlite_file_is_copied_whole_under_load_and_restored(tmp_path: Path) -> None:
    with serving(tmp_path, FILE) as server:
        async with httpx2.AsyncHTTPTransport() as transport:
            ann = await signed_in(server, transport, "ann@example.com")
            eve = await signed_in(server, transport, "eve@example.com")
            async with Load(f"http://127.0.0.1:{server.port}", transport).running() as running:
                await running.progress()
                done = await asyncio.to_thread(gatepass, tmp_path, "backup", "copy.db", **FILE)
                assert (done.returncode, "checked" in done.stdout) == (0, True), done.stderr
                again = await asyncio.to_thread(gatepass, tmp_path, "backup", "copy.db", **FILE)
                assert (again.returncode, "--replace" in again.stderr) == (1, True)
                await running.progress()
            assert running.failures() == {}
            await sign_out(eve)
        server.stop(signal.SIGTERM)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]
    restore = "rm -f gate.db-wal gate.db-shm; install -m 600 copy.db gate.db"
    subprocess.run(["/bin/sh", "-ec", restore], cwd=tmp_path, check=True)
    assert gatepass(tmp_path, "sessions", "revoke", "--everybody", "--yes", **FILE).returncode == 0
    with serving(tmp_path, FILE) as server:
        async with httpx2.AsyncHTTPTransport() as transport:
            await after_a_restore(server, transport, ann, eve)


def test_a_copy_of_what_is_no_file_says_so(tmp_path: Path) -> None:
    for settings in ({**SETTINGS, "STORE": "memory://"}, {**SETTINGS, "STORE": "postgresql://gate@localhost/app"}):
        done = gatepass(tmp_path, "backup", "copy.db", **settings)
        assert (done.returncode, "Only a SQLite store" in done.stderr) == (1, True)
    assert "There is no file" in gatepass(tmp_path, "backup", "copy.db", **FILE).stderr
    (tmp_path / "gate.db").write_bytes(b"no database" * 500)
    done = gatepass(tmp_path, "backup", "copy.db", **FILE)
    assert (done.returncode, "cannot be copied" in done.stderr, (tmp_path / "copy.db").exists()) == (1, True, False)


async def test_postgresql_is_dumped_while_it_serves_and_restored(tmp_path: Path) -> None:
    database = shared_server()
    store = await new_database(database)
    settings = {**SETTINGS, "STORE": store}
    with serving(tmp_path, settings) as server:
        async with httpx2.AsyncHTTPTransport() as transport:
            ann = await signed_in(server, transport, "ann@example.com")
            eve = await signed_in(server, transport, "eve@example.com")
            tool("pg_dump", "--schema=gatepass", "--format=custom", "--file=gate.dump", store, folder=tmp_path)
            await sign_out(eve)
        server.stop(signal.SIGTERM)
    await execute(store, "DROP SCHEMA gatepass CASCADE")
    tool("pg_restore", "--single-transaction", f"--dbname={store}", "gate.dump", folder=tmp_path)
    assert gatepass(tmp_path, "sessions", "revoke", "--everybody", "--yes", **settings).returncode == 0
    with serving(tmp_path, settings) as server:
        async with httpx2.AsyncHTTPTransport() as transport:
            await after_a_restore(server, transport, ann, eve)


async def test_sessions_in_valkey_are_saved_while_it_serves_and_restored(tmp_path: Path) -> None:
    with valkey.private_server() as sessions:
        settings = {**FILE, "SESSIONS": sessions.url}
        with serving(tmp_path, settings) as server:
            async with httpx2.AsyncHTTPTransport() as transport:
                ann = await signed_in(server, transport, "ann@example.com")
                eve = await signed_in(server, transport, "eve@example.com")
                sessions.ask("BGREWRITEAOF")
                valkey.until(lambda: b"aof_rewrite_in_progress:0" in sessions.ask("INFO", "persistence"))
                shutil.copytree(sessions.folder / "appendonlydir", tmp_path / "copy")
                await sign_out(eve)
            server.stop(signal.SIGTERM)
        sessions.stop()
        shutil.rmtree(sessions.folder / "appendonlydir")
        shutil.copytree(tmp_path / "copy", sessions.folder / "appendonlydir")
        sessions.start()
        assert gatepass(tmp_path, "sessions", "revoke", "--everybody", "--yes", **settings).returncode == 0
        with serving(tmp_path, settings) as server:
            async with httpx2.AsyncHTTPTransport() as transport:
                await after_a_restore(server, transport, ann, eve)


def tool(name: str, *arguments: str, folder: Path) -> None:
    """Run a program of PostgreSQL, of the server's version."""
    done = subprocess.run([binaries() / name, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
