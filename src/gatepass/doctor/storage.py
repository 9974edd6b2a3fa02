"""Checks of the stores: they respond, have the schema, keep what they acknowledge, and agree on the time."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from gatepass.doctor.configuration import sqlite_file
from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.settings import Settings
from gatepass.stores.migrations import applied_to_sqlite, load, pending
from gatepass.stores.sqlite.file import connect_read_only

MAX_SKEW = 5
"""Seconds by which clocks may differ: the tolerance when tokens are verified (`Policy.clock_skew`)."""
NETWORKED = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph"}
LAYERED = {"overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs"}
VOLATILE = {"tmpfs", "ramfs"}


async def check_stores(settings: Settings) -> AsyncIterator[Finding]:
    """Findings about the store of the accounts, then about that of the sessions if it is another one."""
    file = sqlite_file(settings)
    if file is not None:
        for finding in check_sqlite_file(file):
            yield finding
    for url in filter(None, (settings.store_url, settings.sessions_url)):
        check = {"p": _check_postgres, "r": _check_redis}.get(url[:1])
        try:
            if check is not None:
                async for finding in check(url):
                    yield finding
        except ConfigurationError as refusal:
            yield error("store", str(refusal), "See docs/guides/postgres.md and docs/guides/redis.md.")
        except StoreUnavailable:
            yield error("store", "The store does not respond.", "Start it; check address, firewall and password.")


def check_sqlite_file(file: Path) -> Iterator[Finding]:
    """Findings about a SQLite file, which is opened read-only and need not exist."""
    folder = file.absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        message = f"This user cannot write to the folder {folder}, where SQLite makes files beside {file.name}."
        yield error("sqlite", message, "Make the folder, owned by the server's user; in a container, mount a volume.")
        return
    kind = file_system(folder)
    if kind in LAYERED:
        message = f"{file} is in the container's own layer ({kind}): a new container begins without it."
        yield advice("sqlite", message, "Put it on a volume.")
    if kind in NETWORKED or kind in VOLATILE:
        why = "its locks and flushes are not reliable" if kind in NETWORKED else "the next restart deletes it"
        yield error("sqlite", f"{file} is on {kind}: {why}.", "Put it on a local disk, or use postgresql://.")
    if not file.exists():
        yield advice("sqlite", f"There is no file {file} yet.", "The first start creates it.")
        return
    try:
        connection = connect_read_only(file, busy_timeout=2)
        try:
            yield from _check_schema_and_mode(connection)
        finally:
            connection.close()
    except (sqlite3.Error, ConfigurationError) as broken:
        yield error("sqlite", f"{file} cannot be read: {broken}.", "Restore it from a backup, or name another file.")


def _check_schema_and_mode(connection: sqlite3.Connection) -> Iterator[Finding]:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        yield ok("sqlite", "journal_mode is wal; the server flushes sign-ins and revocations (synchronous FULL).")
    else:
        yield advice("sqlite", f"journal_mode is {mode}.", "The server sets wal; find the program that changed it.")
    applied = applied_to_sqlite(connection)
    missing = [step.name for step in pending(load("sqlite"), applied)]
    if missing:
        yield advice(
            "schema", f"The schema lacks {', '.join(missing)}.", "The next start applies it; make a backup first."
        )
    else:
        yield ok("schema", f"The schema is at version {applied[-1].version}.")


async def _check_postgres(url: str) -> AsyncIterator[Finding]:
    from gatepass.stores.postgres.pool import (
        DRIVER_ERRORS,
        ConnectionPool,
        close_connection,
        raise_unavailable,
    )
    from gatepass.stores.postgres.store import PostgresStore
    from gatepass.stores.postgres.url import parse_url

    yield _transport("postgresql", is_verified=parse_url(url).is_verified, fix="sslmode=verify-full")
    missing = await PostgresStore(url).pending()
    if missing:
        yield error("schema", f"The database lacks {', '.join(missing)}.", "Run: gatepass migrate")
    else:
        yield ok("schema", "The schema is up to date.")
    connection = await ConnectionPool(parse_url(url)).connect(command_timeout=5)
    try:
        rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", list(_POSTGRES))
        theirs = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    except DRIVER_ERRORS as fault:
        raise_unavailable(fault)
    finally:
        await close_connection(connection)
    for row in rows:
        yield _setting("postgresql", row["name"], row["setting"], *_POSTGRES[row["name"]])
    yield compare_clocks("the database", theirs)


_POSTGRES: Mapping[str, tuple[frozenset[str], str]] = {
    "synchronous_commit": (
        frozenset({"on", "local", "remote_write", "remote_apply"}),
        "a crash loses acknowledged sign-ins and restores revoked sessions",
    ),
    "fsync": (frozenset({"on"}), "a power failure can destroy the whole database"),
    "full_page_writes": (frozenset({"on"}), "a power failure can leave torn pages"),
}


async def _check_redis(url: str) -> AsyncIterator[Finding]:
    from gatepass.stores.redis.cluster import Cluster
    from gatepass.stores.redis.layout import pack_command
    from gatepass.stores.redis.url import parse_url

    parsed = parse_url(url)
    yield _transport("redis", is_verified=parsed.is_verified, fix="rediss, and ssl_cert_reqs=required")
    cluster = Cluster(parsed)
    await cluster.open()
    try:
        described = await cluster.ask_primaries(pack_command(b"INFO"))
        settings = await cluster.ask_primaries(pack_command(b"CONFIG", b"GET", b"appendfsync"))
        times = await cluster.ask_primaries(pack_command(b"TIME"))
    finally:
        await cluster.close()
    for place, described_one, setting, at in zip(cluster.primaries, described, settings, times, strict=True):
        for finding in _check_primary(_facts(described_one), setting):
            yield Finding(finding.check, finding.level, f"{place}: {finding.message}", finding.fix)
        if isinstance(at, list) and len(at) == 2:
            yield compare_clocks(f"Redis at {place}", float(at[0]) + float(at[1]) / 1e6)


def _check_primary(facts: Mapping[str, str], appendfsync: object) -> Iterator[Finding]:
    if not facts:
        yield advice("redis", "This user may not run INFO, so nothing can be checked.", "Allow it: ACL SETUSER … +info")
        return
    if facts.get("aof_enabled") == "1":
        yield ok("redis", "appendonly is yes.")
    else:
        yield error("redis", "appendonly is no: a restart signs users out.", "Set appendonly yes.")
    match appendfsync:
        case [_, b"no"] if facts.get("aof_enabled") == "1":
            yield error("redis", "appendfsync is no: a power failure loses half a minute.", "Set appendfsync everysec.")
        case [_, bytes(value)]:
            yield ok("redis", f"appendfsync is {value.decode()}.")
        case _:
            yield advice("redis", "This user may not read appendfsync.", "Make sure that it is everysec or always.")
    policy = facts.get("maxmemory_policy", "noeviction")
    good = {"noeviction"}
    yield _setting("redis", "maxmemory-policy", policy, frozenset(good), "sessions are evicted when memory runs out")


def _transport(check: str, *, is_verified: bool, fix: str) -> Finding:
    if is_verified:
        return ok(check, "The connection is on this machine, or over TLS with a verified certificate.")
    why = "The connection leaves this machine without TLS, or to a server whose certificate is not verified."
    return advice(check, why, f"Use {fix}.")


def compare_clocks(owner: str, theirs: float) -> Finding:
    """Compare another clock with this machine's. `theirs` is Unix seconds."""
    difference = abs(theirs - time.time())
    if difference > MAX_SKEW:
        return error(
            "clock",
            f"The clock of {owner} is {difference:.0f} s off this machine's.",
            "Run NTP or chrony on all machines.",
        )
    return ok("clock", f"The clock of {owner} agrees with this machine's within {max(1, round(difference))} s.")


def file_system(folder: Path) -> str:
    """The type of the file system of a folder, or "" if it is unknown."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = [line.split(" ")[1:3] for line in lines]
    path = str(folder.resolve())
    fitting = [(at, kind) for at, kind in mounts if path == at or path.startswith(at.rstrip("/") + "/")]
    return max(fitting, key=lambda mount: len(mount[0]))[1] if fitting else ""


def _setting(check: str, name: str, value: str, good: frozenset[str], why: str) -> Finding:
    if value in good:
        return ok(check, f"{name} is {value}.")
    return error(check, f"{name} is {value}: {why}.", f"Set {name} to {min(good) if len(good) == 1 else 'on'}.")


def _facts(reply: object) -> Mapping[str, str]:
    if not isinstance(reply, bytes):
        return {}
    lines = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}
