"""Checks of the machine: the time of one password hash, the blocklist, the SQLite library, the limit of open files."""

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.accounts.passwords.hashing import hash_once
from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.settings import Settings
from gatepass.stores.sqlite.store import MIN_VERSION

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

MIN_BLOCKED = 3_000
"""Blocklist entries that are as long as the policy demands (ASVS 6.2.4)."""
HASHES = 5
"""So many are timed: less than a second in all."""
MAX_HASH_SECONDS = 0.5
"""For one hash: a slower one makes sign-ins queue up."""
MIN_HASH_SECONDS = 0.005
"""For one hash: a faster one is cheap for an attacker who has the hashes."""
WAL_FIX = (3, 51, 3)
"""Before this version of SQLite two writing connections can corrupt a WAL file: the server, and another program."""


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Findings that are measured on the spot."""
    yield _check_argon2()
    yield _check_blocklist(settings)
    if settings.store_url.startswith("sqlite:"):
        yield _check_sqlite()
    if resource is not None:
        yield _check_open_files(settings)


def least_seconds(work: Callable[[], object], *, clock: Callable[[], float] = time.perf_counter) -> float:
    """How long the quickest of several runs took: what else runs on the machine makes a run longer, never shorter."""

    def once() -> float:
        start = clock()
        work()
        return clock() - start

    work()  # the first run also allocates the memory
    return min(once() for _ in range(HASHES))


def _check_argon2() -> Finding:
    seconds = least_seconds(lambda: hash_once(secrets.token_hex(16)))
    cores = os.cpu_count() or 1
    rate = cores / seconds
    message = (
        f"One Argon2id hash takes {seconds * 1000:.0f} ms at best: "
        f"at most {rate:.0f} sign-ins per second on {cores} cores."
    )
    if seconds > MAX_HASH_SECONDS:
        return advice("argon2", message, "Give the server more or faster cores, or sign-ins will queue up.")
    if seconds < MIN_HASH_SECONDS:
        return advice("argon2", message, "This machine is fast: give Argon2Hasher a higher memory_cost.")
    return ok("argon2", message)


def _check_blocklist(settings: Settings) -> Finding:
    fitting = sum(len(entry) >= settings.password_min for entry in load_blocklist())
    message = f"{fitting} blocked passwords have at least {settings.password_min} characters."
    if fitting < MIN_BLOCKED:
        return error("blocklist", message, "The installed package is damaged: install gatepass again.")
    return ok("blocklist", message)


def _check_sqlite() -> Finding:
    version = tuple(sqlite3.sqlite_version_info)
    name = f"SQLite {sqlite3.sqlite_version}"
    if version < MIN_VERSION:
        return error("sqlite", f"{name} is too old.", "Use a Python with SQLite 3.37 or newer.")
    if version < WAL_FIX:
        return advice(
            "sqlite",
            f"{name}: safe with one writer, which the server is; before 3.51.3 a second one can corrupt the file.",
            "Let no other program write to the file while the server runs.",
        )
    return ok("sqlite", f"{name}.")


def _check_open_files(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < settings.connections:
        return advice(
            "files",
            f"This process may open {hard} files, and CONNECTIONS is {settings.connections}.",
            "Raise the limit (LimitNOFILE= in systemd, ulimit -n), or lower CONNECTIONS.",
        )
    return ok("files", f"Enough open files for {settings.connections} connections.")
