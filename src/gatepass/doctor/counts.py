"""The counts of failed sign-ins by network, read where they are kept, whichever store that is."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gatepass.accounts.throttling import network_key
from gatepass.doctor.configuration import sqlite_file
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Store
from gatepass.settings import Settings
from gatepass.stores import open_store


class Counts:
    """Of a store that a server uses at the same time: a SQLite file is only ever read."""

    def __init__(self, store: Store | None, file: Path | None) -> None:
        self._store = store
        self._file = file

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, settings: Settings) -> AsyncIterator["Counts"]:
        """Open what the settings name; where it cannot be opened, nothing can be seen."""
        file = sqlite_file(settings)
        if file is not None or settings.store.startswith("memory:"):
            yield cls(None, file)
            return
        store = open_store(settings.store)
        try:
            await store.open()
        except (ConfigurationError, StoreUnavailable):  # another check has said so
            yield cls(None, None)
            return
        try:
            yield cls(store, None)
        finally:
            await store.close()

    async def of_networks(self, networks: Sequence[str]) -> Sequence[int] | None:
        """How often sign-ins from these networks have failed; None where that cannot be seen."""
        keys = [network_key(network) for network in networks]
        if self._store is not None:
            return [count.failures for count in await self._store.attempts(keys)]
        return self._read(keys) if self._file is not None and self._file.exists() else None

    def _read(self, keys: Sequence[str]) -> Sequence[int] | None:
        sql = "SELECT failures FROM attempt WHERE key = ?"
        try:
            with contextlib.closing(
                sqlite3.connect(f"{(self._file or Path()).absolute().as_uri()}?mode=ro", uri=True, timeout=2)
            ) as connection:
                rows = [connection.execute(sql, (key,)).fetchone() for key in keys]
        except sqlite3.Error:
            return None
        return [row[0] if row else 0 for row in rows]
