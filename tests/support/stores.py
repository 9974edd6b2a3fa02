"""An empty store of each kind, for tests of what rests on its verbs."""

from pathlib import Path

from gatepass.ports import Store
from gatepass.stores import open_store
from tools.services.postgres import empty_database
from tools.services.valkey import flush, shared_cluster, shared_server

KINDS = ("memory", "sqlite", "postgres", "redis")
"""The last keeps accounts in SQLite, and sessions in Redis."""


async def empty_store(kind: str, folder: Path) -> Store:
    """A store of one of KINDS; for "cluster", sessions are in a Redis cluster. Servers are those of this process."""
    match kind:
        case "memory":
            return open_store("memory://")
        case "sqlite":
            return open_store(f"sqlite:///{folder}/gate.db")
        case "redis":
            flush([shared_server()])
            return open_store(f"sqlite:///{folder}/gate.db", sessions=shared_server().url)
        case "cluster":
            flush(shared_cluster().primaries)
            return open_store(f"sqlite:///{folder}/gate.db", sessions=shared_cluster().url)
        case _:
            return open_store(await empty_database())
