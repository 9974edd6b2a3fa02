"""The real PgBouncer in transaction mode, with the setting of the guide."""

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.browser import Browser
from tests.support.process import Remote, gatepass, serving, until_listening
from tests.system.deployments.test_reload import ORIGIN, SETTINGS, Load
from tools.services.patience import PATIENCE, becomes
from tools.services.ports import free_port
from tools.services.postgres import OWNER, new_database, shared_server

pytestmark = pytest.mark.slow

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={target} user={owner}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
"""


@contextlib.contextmanager
def pgbouncer(folder: Path) -> Iterator[int]:
    """The port of a PgBouncer before the server of this process."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no PgBouncer here: apt-get install pgbouncer")
    port = free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(target=shared_server().port, port=port, owner=OWNER))
    user = {}
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with (folder / "log").open("w") as log, file.open() as configuration:
        process = subprocess.Popen(
            [program, f"/dev/fd/{configuration.fileno()}"],
            pass_fds=[configuration.fileno()],
            stdout=log,
            stderr=log,
            cwd="/",
            **user,  # type: ignore[call-overload]
        )
    try:
        until_listening(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def test_sessions_hold_behind_it_and_a_revocation_is_heard_by_another_server(tmp_path: Path) -> None:
    store = await new_database(shared_server())
    with pgbouncer(tmp_path) as port:
        pooled = store.replace(f":{shared_server().port}", f":{port}") + "?pgbouncer=1"
        settings = {**SETTINGS, "STORE": pooled}
        assert gatepass(tmp_path, "migrate", "--check", **settings).returncode == 0
        with serving(tmp_path, settings) as one, serving(tmp_path, settings) as other:
            async with httpx2.AsyncHTTPTransport() as transport:
                async with Load(f"http://127.0.0.1:{one.port}", transport).running() as running:
                    await running.progress()
                    await running.move(f"http://127.0.0.1:{other.port}")
                assert running.failures() == {}
                ann = Browser(Remote(f"http://127.0.0.1:{one.port}", transport), mount="/auth", origin=ORIGIN)
                assert (await ann.register("ann@example.com")).status == 201
                bearer = ann.bearer
                there = Browser(Remote(f"http://127.0.0.1:{other.port}", transport), mount="/auth", origin=ORIGIN)
                assert (await there.send("GET", "/me", headers=[bearer])).status == 200
                assert (await ann.logout()).status == 204
                statuses: list[int] = []

                async def ask() -> None:
                    while 401 not in statuses:
                        statuses.append((await there.send("GET", "/me", headers=[bearer])).status)

                asking = asyncio.create_task(ask())
                await becomes(lambda: 401 in statuses, "the revocation")
                await asking
