"""The machine: what a sign-in costs here, what the interpreter brings along, how many files may be open."""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.accounts.passwords.hashing import hash_once
from gatepass.doctor.finding import Finding, advice, fault, ok
from gatepass.settings import Settings
from gatepass.stores.sqlite.store import MIN_VERSION

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

LISTED = 3_000
"""Entries that fit the policy (ASVS 6.2.4)."""
SLOW, FAST = 0.5, 0.005
"""Seconds for one hash: above it sign-ins queue up, below it the parameters are cheap for whoever has the hashes."""
SOUND_SQLITE = (3, 51, 3)
"""Before it two connections that write can spoil a WAL file; ours is one, another program's would be the second."""


def look_at_machine(settings: Settings) -> Iterator[Finding]:
    """What can be measured on the spot."""
    yield _argon2()
    yield _blocklist(settings)
    if settings.store.startswith("sqlite:"):
        yield _sqlite()
    if resource is not None:
        yield _open_files(settings)


def _argon2() -> Finding:
    hash_once(secrets.token_hex(16))  # the first one also pays for the memory
    start = time.perf_counter()
    hash_once(secrets.token_hex(16))
    seconds = time.perf_counter() - start
    cores = os.cpu_count() or 1
    says = (
        f"One Argon2id takes {seconds * 1000:.0f} ms: at most {cores / seconds:.0f} sign-ins a second on {cores} cores."
    )
    if seconds > SLOW:
        return advice("argon2", says, "Give the server more or faster cores, or sign-ins will queue up.")
    if seconds < FAST:
        return advice("argon2", says, "This machine is fast: give Argon2Hasher a higher memory_cost.")
    return ok("argon2", says)


def _blocklist(settings: Settings) -> Finding:
    fitting = sum(len(entry) >= settings.password_min for entry in load_blocklist())
    says = f"{fitting} blocked passwords have {settings.password_min} characters or more."
    if fitting < LISTED:
        return fault("blocklist", says, "The installed package is damaged: install gatepass again.")
    return ok("blocklist", says)


def _sqlite() -> Finding:
    version = tuple(sqlite3.sqlite_version_info)
    says = f"SQLite {sqlite3.sqlite_version}"
    if version < MIN_VERSION:
        return fault("sqlite", f"{says} is too old.", "Use a Python with SQLite 3.37 or newer.")
    if version < SOUND_SQLITE:
        return advice(
            "sqlite",
            f"{says}: safe for the one writer that the server is; before 3.51.3 a second one can spoil the file.",
            "Let no other program write into the file while the server runs.",
        )
    return ok("sqlite", f"{says}.")


def _open_files(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < settings.connections:
        return advice(
            "files",
            f"This process may open {hard} files, and CONNECTIONS is {settings.connections}.",
            "Raise the limit (LimitNOFILE= in systemd, ulimit -n), or lower CONNECTIONS.",
        )
    return ok("files", f"Enough open files for {settings.connections} connections.")
