"""Generated sessions, as many as wanted, and the tokens that their clients hold.

Rows are loaded by COPY, indexes are made afterwards. The foreign key to the accounts is left out, so that the accounts
need not be there: a refresh never looks at it.
"""

import hashlib
import struct
import time
from collections.abc import AsyncIterator, Iterator

from gatepass.core.binding import binding_of
from gatepass.core.keyring import compose_secret
from gatepass.core.refresh_token import NOT_SEALED, Channel, RefreshToken
from gatepass.core.session import NO_FINGERPRINT
from tools.services.postgres import connected, execute, query

SECRET = compose_secret(bytes(range(32)))
KEY = hashlib.sha256(b"scale").digest()
"""The binding key of all generated sessions."""
BINDING = binding_of(KEY)
COLUMNS = (
    "sid", "account_id", "fingerprint", "client", "methods", "last_ip_prefix", "previous", "binding", "created_at",
    "expires_at", "authenticated_at", "committed_at", "generation", "remember",
)  # fmt: skip
BATCH = 2_000


def sid_of(number: int) -> bytes:
    """The sid of a generated session."""
    return hashlib.sha256(b"sid %d" % number).digest()[:16]


def committed_of(sid: bytes) -> bytes:
    """The fingerprint in the row of a generated session, whose tokens have its sid as their nonce."""
    return RefreshToken(0, Channel.LOOPBACK, sid, 0, sid, NO_FINGERPRINT, BINDING, NOT_SEALED, 0, 0).follows


def rows_of(count: int) -> Iterator[bytes]:
    """Generated sessions in the binary form of COPY, in pieces: all but three values are the same bytes."""
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    now = int(time.time())
    head = struct.pack(">h", len(COLUMNS))
    texts = (b"Firefox on Linux", b"pwd", b"203.0.113.0/24", NO_FINGERPRINT, BINDING)
    whole = (now - 86_400, now + 20 * 86_400, now - 86_400, now - 900, -1)
    tail = b"".join(map(_field, (*texts, *(struct.pack(">q", value) for value in whole), b"\x01")))
    for start in range(0, count, BATCH):
        sids = map(sid_of, range(start, min(start + BATCH, count)))
        yield b"".join(
            b"".join((head, _field(sid), _field(sid.hex().encode()), _field(committed_of(sid)), tail)) for sid in sids
        )
    yield struct.pack(">h", -1)


def _field(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


async def fill(url: str, count: int, *, quiet: bool = False) -> None:
    """Load sessions; indexes and statistics afterwards."""
    start = time.perf_counter()
    made = await query(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'gatepass' AND tablename = 'session'")
    await execute(url, "ALTER TABLE gatepass.session DROP CONSTRAINT session_account_id_fkey")
    await execute(url, "ALTER TABLE gatepass.session DROP CONSTRAINT session_pkey")
    for definition in made:
        name = definition.split(" ON ")[0].split()[-1]
        await execute(url, f"DROP INDEX IF EXISTS gatepass.{name}")

    async def source() -> AsyncIterator[bytes]:
        for block in rows_of(count):
            yield block

    async with connected(url) as connection:
        await connection.copy_to_table(
            "session", schema_name="gatepass", columns=COLUMNS, source=source(), format="binary", timeout=3_600
        )
        await connection.execute("SET maintenance_work_mem = '512MB'")
        for definition in made:
            await connection.execute(definition, timeout=3_600)
        await connection.execute("VACUUM (ANALYZE, FREEZE) gatepass.session", timeout=3_600)
    if not quiet:
        print(f"loaded {count:,} sessions in {time.perf_counter() - start:.0f} s", flush=True)
