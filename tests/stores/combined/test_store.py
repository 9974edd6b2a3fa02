"""Sessions in Redis, accounts elsewhere: the battery, the machine, and what callers see of two stores."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from gatepass.core.stored_key import StoredKey
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Store
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.redis.store import RedisStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from gatepass.testing.machine import StoreMachine
from gatepass.testing.records import NOW, signed_in
from tests.support.full import FULL
from tools.services.patience import patience
from tools.services.valkey import flush, shared_cluster, shared_server

pytestmark = pytest.mark.slow


class Places:
    """Redis and a SQLite file, opened by one server and by another process."""

    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[CombinedStore]:
        store = CombinedStore(sessions=RedisStore(self.url()), accounts=SQLiteStore(tmp_path / "accounts.db"))
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store: CombinedStore, tmp_path: Path) -> AsyncIterator[CombinedStore]:
        del store  # it must be opened first
        other = CombinedStore(sessions=RedisStore(self.url()), accounts=SQLiteStore(tmp_path / "accounts.db"))
        await other.open()
        yield other
        await other.close()


class TestRedisAndSQLite(Places, StoreBattery, SharedBattery):
    def url(self) -> str:
        flush([shared_server()])
        return shared_server().url


@pytest.mark.full  # CombinedMachine uses a cluster, and tests/stores/redis shows the battery on one
class TestClusterAndSQLite(Places, StoreBattery, SharedBattery):
    def url(self) -> str:
        flush(shared_cluster().primaries)
        return shared_cluster().url


class CombinedMachine(StoreMachine):
    folder: Path
    numbers = itertools.count()

    def make_store(self) -> Store:
        flush(shared_cluster().primaries)
        file = self.folder / f"accounts{next(self.numbers)}.db"
        return CombinedStore(sessions=RedisStore(shared_cluster().url), accounts=SQLiteStore(file))


@pytest.fixture(autouse=True)
def _folder_of_the_machine(tmp_path: Path) -> None:
    CombinedMachine.folder = tmp_path


TestCombinedMachine = CombinedMachine.TestCase
TestCombinedMachine.settings = settings(TestCombinedMachine.settings, max_examples=12 if FULL else 5, deadline=None)


async def test_subscribers_hear_of_sessions_and_are_told_to_look_for_keys(tmp_path: Path) -> None:
    flush([shared_server()])
    one, two = (
        CombinedStore(sessions=RedisStore(shared_server().url), accounts=SQLiteStore(tmp_path / "accounts.db"))
        for _ in range(2)
    )
    await one.open()
    await two.open()
    session = await signed_in(two)
    async with one.subscribe() as news, patience():
        await two.put_signing_key(StoredKey("kid", "EdDSA", bytes(61), NOW, NOW))
        assert list(await news.next(60)) == []
        await two.revoke(session.sid, reason="revoked", now=NOW)
        while not (told := await news.next(60)):
            pass
        assert list(told) == [session.sid]
    await one.close()
    await two.close()


async def test_one_that_cannot_be_opened_leaves_the_other_closed(tmp_path: Path) -> None:
    accounts = SQLiteStore(tmp_path / "accounts.db")
    store = CombinedStore(sessions=RedisStore("redis://127.0.0.1:1"), accounts=accounts)
    with pytest.raises(StoreUnavailable):
        await store.open()
    with pytest.raises(StoreUnavailable):
        await accounts.find_account("anybody")


async def test_servers_share_it_only_if_they_share_both() -> None:
    engine = RedisStore("redis://127.0.0.1:1")
    assert not CombinedStore(sessions=engine, accounts=SQLiteStore("accounts.db")).is_shared


def test_a_store_that_asks_for_accounts_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SESSIONS"):
        CombinedStore(sessions=MemoryStore(), accounts=MemoryStore())
