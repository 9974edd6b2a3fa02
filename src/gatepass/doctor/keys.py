"""Whether the signing keys in the store can be opened with the secrets that are set: a server starts only with all."""

import sqlite3
from collections.abc import AsyncIterator, Sequence

from gatepass.core.stored_key import StoredKey
from gatepass.doctor.configuration import sqlite_file
from gatepass.doctor.finding import Finding, error, ok
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.stores import rows
from gatepass.stores.sqlite.file import connect_read_only

_READ = f"SELECT {', '.join(rows.SIGNING_KEY_COLUMNS)} FROM "


async def check_keys(settings: Settings) -> AsyncIterator[Finding]:
    """One finding; none where the store cannot be read, which the checks of the store say."""
    try:
        stored = _of_sqlite(settings) if settings.store_url.startswith("sqlite") else await _of_postgres(settings)
    except (ConfigurationError, StoreUnavailable, sqlite3.Error):
        return
    sealed = Gatepass(**settings.arguments()).keys.unusable(stored)
    if sealed:
        yield error(
            "keys",
            f"The secrets that are set cannot open the signing keys in the store: {', '.join(sealed)}.",
            "Add the secret of the other servers, or the earlier one at the end: docs/guides/keys.md.",
        )
    elif stored:
        yield ok("keys", f"The secrets open the signing keys in the store: {len(stored)}.")


def _of_sqlite(settings: Settings) -> Sequence[StoredKey]:
    file = sqlite_file(settings)
    if file is None or not file.exists():
        return ()
    connection = connect_read_only(file, busy_timeout=2)
    try:
        return [rows.to_signing_key(row) for row in connection.execute(f"{_READ} signing_key")]
    finally:
        connection.close()


async def _of_postgres(settings: Settings) -> Sequence[StoredKey]:
    if not settings.store_url.startswith("postgres"):
        return ()
    from gatepass.stores.postgres.pool import DRIVER_ERRORS, ConnectionPool, close_connection, raise_unavailable
    from gatepass.stores.postgres.url import parse_url

    url = parse_url(settings.store_url)
    connection = await ConnectionPool(url).connect(command_timeout=5)
    try:
        return [rows.to_signing_key(row) for row in await connection.fetch(f"{_READ} {url.schema}.signing_key")]
    except DRIVER_ERRORS as fault:
        raise_unavailable(fault)
    finally:
        await close_connection(connection)
