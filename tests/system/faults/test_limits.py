"""What is lost, and with which setting: the limits of the promises, as docs/project/faults.md states them."""

import asyncio
import contextlib
import fcntl
import shutil
import sqlite3
import struct
import subprocess
import termios
from collections.abc import AsyncIterator
from pathlib import Path

from gatepass.access.revoked_sessions import FOREVER, RevokedSessions
from gatepass.core.policy import Policy
from gatepass.gate import Gatepass
from gatepass.remote import RemoteGate
from gatepass.testing.clock import FastHasher
from tests.support import preloaded
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.gates import SECRET
from tests.support.process import COMMAND, environment, until_listening
from tests.system.faults.browser_profile import Profile
from tests.system.faults.harness import hosting
from tests.system.faults.proxy import proxying
from tests.system.faults.raw_http import RawConnection, compose
from tests.system.faults.standby import promote, standby_of, until_streaming
from tools.services.patience import becomes
from tools.services.ports import free_port
from tools.services.postgres import new_database, private_server
from tools.services.valkey import private_server as private_redis

NEW = "eight blue bottles on another wall"


@contextlib.asynccontextmanager
async def gate_on(store: str, *, sessions: str | None = None) -> AsyncIterator[Gatepass]:
    """A gate in this process over a store that survives it."""
    gate = Gatepass(
        secrets=[SECRET], public_url=ORIGIN, store=store, sessions=sessions, policy=Policy(), hasher=FastHasher()
    )
    async with gate.running():
        yield gate


async def change(browser: Browser, closed: Browser) -> None:
    """A password change and a closure, both acknowledged."""
    body = {"current": PASSWORD, "new": NEW}
    assert (await browser.send("POST", "/password", body=body, headers=[browser.bearer])).status == 200
    body = {"password": PASSWORD}
    assert (await closed.send("DELETE", "/account", body=body, headers=[closed.bearer])).status == 204


async def signed_up(gate: Gatepass) -> tuple[Browser, Browser]:
    """Two accounts: of one the password will change, the other will be closed."""
    ann, bob = Browser(gate.asgi), Browser(gate.asgi)
    assert (await ann.register()).status == 201
    assert (await bob.register("bob@example.com")).status == 201
    return ann, bob


async def are_undone(gate: Gatepass) -> bool:
    """Whether the old password and the closed account are good for a sign-in again."""
    old = await Browser(gate.asgi).login()
    closed = await Browser(gate.asgi).login("bob@example.com")
    return (old.status, closed.status) == (200, 200)


async def test_a_fail_over_to_an_asynchronous_standby_undoes_password_changes_and_closures() -> None:
    async with hosting(private_server()) as old, proxying(old.port) as replication:
        url = await new_database(old)
        async with hosting(standby_of(old, through=replication.port)) as new:
            async with gate_on(url) as gate:
                ann, bob = await signed_up(gate)
                await until_streaming(old)
                replication.stall()  # the standby lags behind
                await change(ann, bob)
            await asyncio.to_thread(old.kill)
            await promote(new)
            async with gate_on(new.url(url.rpartition("/")[2])) as gate:
                assert await are_undone(gate)


async def test_a_fail_over_of_redis_without_wait_undoes_sign_outs(tmp_path: Path) -> None:
    accounts = f"sqlite:///{tmp_path}/accounts.db"
    async with hosting(private_redis()) as old, proxying(old.port) as path:
        replica = ("--replicaof", f"127.0.0.1 {path.port}")
        async with hosting(private_redis(*replica)) as new:
            await becomes(lambda: b"master_link_status:up" in new.ask("INFO", "replication"), "the replica's link")
            async with gate_on(accounts, sessions=old.url) as gate:
                ann = Browser(gate.asgi)
                await ann.register()
                await becomes(lambda: new.ask("DBSIZE") == old.ask("DBSIZE"), "the replica's having the session")
                path.stall()
                before = dict(ann.jar)
                assert (await ann.logout()).status == 204
            new.ask("REPLICAOF", "NO", "ONE")
            async with gate_on(accounts, sessions=new.url) as gate:
                again = Browser(gate.asgi)
                again.jar = before
                assert (await again.refresh()).status == 200


async def test_a_restored_copy_undoes_what_was_acknowledged_after_it(tmp_path: Path) -> None:
    file, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    async with gate_on(f"sqlite:///{file}") as gate:
        ann, bob = await signed_up(gate)
        back_up(file, copy)
        await change(ann, bob)
    for old in tmp_path.glob("gate.db*"):
        old.unlink()
    shutil.copy(copy, file)
    async with gate_on(f"sqlite:///{file}") as gate:
        assert await are_undone(gate)


async def test_a_backup_of_a_running_sqlite_file_is_whole(tmp_path: Path) -> None:
    file, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    async with gate_on(f"sqlite:///{file}") as gate:
        browsers = [Browser(gate.asgi) for _ in range(20)]
        for number, browser in enumerate(browsers[:10]):
            await browser.register(f"before{number}@example.com")
        writing = asyncio.gather(*(each.register(f"beside{n}@example.com") for n, each in enumerate(browsers[10:])))
        await asyncio.to_thread(back_up, file, copy)
        await writing
    with contextlib.closing(sqlite3.connect(copy)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        addresses = {address for (address,) in found.execute("SELECT email FROM account")}
    assert {f"before{number}@example.com" for number in range(10)} <= addresses


async def test_a_copy_over_a_running_sqlite_file_is_not_noticed(tmp_path: Path) -> None:
    file, copy = tmp_path / "gate.db", tmp_path / "copy.db"
    async with gate_on(f"sqlite:///{file}") as gate:
        await signed_up(gate)
        back_up(file, copy)
        subprocess.run(["cp", copy, file], check=True)  # the same file for the system, with other bytes
        await gate.store.ping()  # no error tells of it


def back_up(file: Path, copy: Path) -> None:
    """As `sqlite3 gate.db '.backup copy.db'` does it."""
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


async def test_a_log_that_nobody_reads_costs_no_session(tmp_path: Path) -> None:
    """The events of a server go to its standard error. Requests may wait until they are read; none is lost."""
    port = free_port()
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PASSWORD_MIN": "15"}
    server = preloaded.start(
        [*COMMAND, "serve", "--port", str(port)], cwd=tmp_path, env=environment(**settings), stderr=subprocess.PIPE
    )
    assert server.stderr is not None
    try:
        await asyncio.to_thread(until_listening, server, port)
        pipe = server.stderr.fileno()
        size = fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4_096)
        profile, connection = Profile(port, key=b"k" * 32), RawConnection(port)
        await profile.sign_in(connection, "ann@example.com")

        async def refresh() -> None:
            while profile.renewed < 200:
                await profile.refresh(connection)

        refreshing = asyncio.create_task(refresh())
        await becomes(lambda: refreshing.done() or waiting(pipe) > size - 400, "a full pipe")
        reading = asyncio.create_task(asyncio.to_thread(server.stderr.read))
        await refreshing
        assert profile.definite.count(profile.definite[0]) == len(profile.definite)
        answer = await connection.send(compose("/auth/logout", port, profile.headers(), b""))
        assert answer is not None
        assert answer.status == 204
        connection.close()
    finally:
        server.kill()
        await asyncio.to_thread(server.wait)
    await reading
    server.stderr.close()


def waiting(pipe: int) -> int:
    """The unread bytes in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


def test_without_a_bound_a_guard_out_of_touch_goes_on_with_what_it_knew() -> None:
    revoked = RevokedSessions(retention=900, max_age=FOREVER)
    revoked.load((), age=1_000_000.0)
    assert not revoked.is_revoked("ab" * 16)


def test_a_service_that_follows_no_revocations_knows_of_none() -> None:
    gate = RemoteGate("https://gate.example/auth/jwks.json", issuer=ORIGIN, audience=ORIGIN)
    gate.check._revocations.publish([bytes(16)])
    assert not gate.check._revocations.is_revoked(bytes(16).hex())
