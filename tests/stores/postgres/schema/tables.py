"""Which tables a database has."""

from tools.services.postgres import query


async def tables(url: str) -> set[str]:
    return set(await query(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gatepass'"))
