"""Where sessions and accounts are kept.

Choose by URL:

memory://                          nothing survives the process: tests
sqlite:///gatepass.db              a file in the working directory: one server process
sqlite:////var/lib/gate.db         the same, absolute
postgresql://user@host/database    many servers (`postgres_address` has the options)

A driver is imported when its store is asked for: whoever uses SQLite needs none of them.
"""

from urllib.parse import SplitResult, unquote, urlsplit

from gatepass.errors import ConfigurationError
from gatepass.ports import Store
from gatepass.stores.memory import MemoryStore
from gatepass.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore", "open_store"]


def open_store(url: str) -> Store:
    """The store that a URL names, not yet opened. Raises ConfigurationError."""
    parts = _split(url)
    match parts.scheme:
        case "memory":
            return MemoryStore()
        case "sqlite" if not (parts.netloc or parts.query or parts.fragment) and len(parts.path) > 1:
            return SQLiteStore(unquote(parts.path.removeprefix("/")))
        case "sqlite":
            raise ConfigurationError(f"A SQLite store is sqlite:///relative.db or sqlite:////absolute.db: {url}")
        case "postgresql" | "postgres":
            return _postgres(url)
        case _:  # the URL is not repeated: it may hold a password
            raise ConfigurationError("STORE must be postgresql://user@host/database, sqlite:///file.db or memory://.")


def _postgres(url: str) -> Store:
    try:
        from gatepass.stores.postgres import PostgresStore
    except ModuleNotFoundError as missing:
        raise _without(missing, extra="postgres", package="asyncpg") from None
    return PostgresStore(url)


def _without(missing: ModuleNotFoundError, *, extra: str, package: str) -> Exception:
    """A sentence for the extra that is not installed; any other gap is a defect and stays what it is."""
    if missing.name != package:
        return missing
    return ConfigurationError(f"This store needs its extra: pip install 'gatepass[{extra}]'")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ConfigurationError("The store's URL cannot be read; percent-encode special characters in it.") from None
