"""Reads the counts of failed sign-ins per network from the store of a running server, and writes nothing."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from gatepass.accounts.attempt import network_key
from gatepass.doctor.configuration import sqlite_file
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import AttemptStore
from gatepass.settings import Settings
from gatepass.stores import open_store
from gatepass.stores.sqlite.store import SQLiteStore


class Counts:
    """The counts in `store`; None for a store that cannot be read from outside the server."""

    def __init__(self, store: AttemptStore | None) -> None:
        self._store = store

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, settings: Settings) -> AsyncIterator["Counts"]:
        """Open the configured store, a SQLite file read-only. A store that does not open has no counts."""
        if settings.store_url.startswith("memory:"):
            yield cls(None)
            return
        file = sqlite_file(settings)
        store = SQLiteStore(file, read_only=True) if file is not None else open_store(settings.store_url)
        try:
            await store.open()
        except (ConfigurationError, StoreUnavailable):  # check_stores reports it
            yield cls(None)
            return
        try:
            yield cls(store)
        finally:
            await store.close()

    async def of_networks(self, networks: Sequence[str]) -> Sequence[int] | None:
        """The failed sign-ins from each network; None if they cannot be read."""
        if self._store is None:
            return None
        try:
            found = await self._store.attempts([network_key(network) for network in networks])
        except StoreUnavailable:
            return None
        return [count.failures for count in found]
