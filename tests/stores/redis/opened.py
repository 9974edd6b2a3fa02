"""Stores on a Redis server of a test, with accounts and sessions in them."""

from gatepass.core.session import Session
from gatepass.stores.redis.layout import Keys
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.records import account_of, session_of

keys = Keys("gatepass")


async def opened(url: str) -> RedisStore:
    store = RedisStore(url)
    await store.open()
    return store


async def added(store: RedisStore, name: str = "laptop", **facts: object) -> Session:
    session = session_of(account_of(), name, **facts)
    assert await store.add(session, credential_version=1)
    return session
