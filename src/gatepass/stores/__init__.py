"""Where sessions and accounts are kept.

Choose by URL:

memory://                      nothing survives the process: tests
sqlite:///gatepass.db          a file in the working directory: one server process
sqlite:////var/lib/gate.db     the same, absolute
"""

from urllib.parse import unquote, urlsplit

from gatepass.errors import ConfigurationError
from gatepass.ports import Store
from gatepass.stores.memory import MemoryStore
from gatepass.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore", "open_store"]


def open_store(url: str) -> Store:
    """The store that a URL names, not yet opened. Raises ConfigurationError."""
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return MemoryStore()
        case "sqlite" if not (parts.netloc or parts.query or parts.fragment) and len(parts.path) > 1:
            return SQLiteStore(unquote(parts.path.removeprefix("/")))
        case "sqlite":
            raise ConfigurationError(f"A SQLite store is sqlite:///relative.db or sqlite:////absolute.db: {url}")
        case _:  # the URL is not repeated: it may hold a password
            raise ConfigurationError("STORE must be sqlite:///file.db or memory://.")
