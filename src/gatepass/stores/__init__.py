"""Where sessions and accounts are kept.

A URL chooses the store:

    memory://                          nothing survives the process: tests
    sqlite:///gatepass.db              a file in the working directory: one server process
    sqlite:////var/lib/gate.db         the same, with an absolute path
    postgresql://user@host/database    many servers (options: `postgres/url.py`)
    redis://, redis+cluster:// …       many servers, sessions only (forms: `redis/url.py`)

A driver is imported when its store is opened, so SQLite needs none of them.
"""

from urllib.parse import SplitResult, unquote

from gatepass._extras import missing_extra
from gatepass.errors import ConfigurationError
from gatepass.ports import Store
from gatepass.stores.combined.store import CombinedStore, SessionEngine
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.stores.urls import split_url

__all__ = ["DEFAULT_STORE", "MemoryStore", "SQLiteStore", "open_session_store", "open_store"]

DEFAULT_STORE = "sqlite:///gatepass.db"
"""The URL of the store where none is named."""
REDIS = ("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")


def open_store(url: str, *, sessions: str | None = None) -> Store:
    """The store that `url` names, not yet opened. `sessions` is the URL of another store for the sessions alone.

    Raises ConfigurationError.
    """
    if sessions is not None:
        if _split(sessions).scheme not in REDIS:
            raise ConfigurationError(
                "`sessions` must be redis://, redis+sentinel:// or redis+cluster:// (rediss for TLS)."
            )
        return CombinedStore(sessions=_redis(sessions), accounts=open_store(url))
    parts = _split(url)
    match parts.scheme:
        case "memory":
            return MemoryStore()
        case "sqlite" if not (parts.netloc or parts.query or parts.fragment) and len(parts.path) > 1:
            return SQLiteStore(unquote(parts.path.removeprefix("/")))
        case "sqlite":
            raise ConfigurationError(
                f"`store`: a SQLite store is sqlite:///relative.db or sqlite:////absolute.db: {url}"
            )
        case "postgresql" | "postgres":
            return _postgres(url)
        case scheme if scheme in REDIS:
            raise ConfigurationError(
                "Redis keeps sessions, not accounts: set `sessions` to it, and `store` to postgresql:// or sqlite:///file.db."
            )
        case _:  # the URL is not repeated: it may hold a password
            raise ConfigurationError("`store` must be postgresql://user@host/database, sqlite:///file.db or memory://.")


def open_session_store(url: str) -> SessionEngine:
    """The store for sessions that `url` names, not yet opened. Raises ConfigurationError."""
    return _redis(url) if _split(url).scheme in REDIS else open_store(url)


def _redis(url: str) -> SessionEngine:
    try:
        from gatepass.stores.redis.store import RedisStore
    except ModuleNotFoundError as missing:
        raise _missing(missing, "redis", extra="redis") from None
    return RedisStore(url)


def _postgres(url: str) -> Store:
    try:
        from gatepass.stores.postgres.store import PostgresStore
    except ModuleNotFoundError as missing:
        raise _missing(missing, "asyncpg", extra="postgres") from None
    return PostgresStore(url)


def _missing(missing: ModuleNotFoundError, package: str, *, extra: str) -> Exception:
    sentence = f"This store needs its extra: pip install 'gatepass[{extra}]'"
    return missing_extra(missing, package, sentence=sentence, kind=ConfigurationError)


def _split(url: str) -> SplitResult:
    try:
        return split_url(url)
    except ValueError:
        raise ConfigurationError("The store's URL cannot be read; percent-encode special characters in it.") from None
