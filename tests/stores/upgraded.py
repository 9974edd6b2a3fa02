"""What must hold in a database of schema 8 or later once it was migrated: additions change nothing that was there."""

from collections.abc import Mapping

from gatepass.core.factor import FactorSummary
from gatepass.ports import Store
from gatepass.stores import rows
from gatepass.testing.records import NOW, account_of, identity_of, passkey_of, session_of, swap_of

ACCOUNT = account_of()
SESSION = session_of(ACCOUNT)
TABLES: Mapping[str, Mapping[str, object]] = {
    "account": dict(zip(rows.ACCOUNT_COLUMNS, rows.from_account(ACCOUNT), strict=True)),
    "session": dict(zip(rows.SESSION_COLUMNS, rows.from_session(SESSION), strict=True)),
}
"""The row of each table, by column; earlier schemas lack some of the columns."""


async def assert_all_goes_on(store: Store) -> None:
    """The session is refreshed, and what came since knows the account and has nothing to tell of it yet."""
    assert await store.epoch() == 0
    assert await store.find(SESSION.sid) == SESSION
    assert await store.swap(swap_of(SESSION)) is not None
    assert await store.list_identities(ACCOUNT.id) == ()
    assert await store.find_provider_session(SESSION.sid) is None
    assert await store.claims_number(ACCOUNT.id) == 0
    assert await store.take_change(ACCOUNT.id, now=NOW, until=NOW) is None, "it was there before the hooks"
    assert await store.factors(ACCOUNT.id) == FactorSummary()
    assert await store.add_identity(identity_of(ACCOUNT), credential_version=1)
    assert await store.add_passkey(passkey_of(ACCOUNT), credential_version=1, limit=1)
    assert await store.mark_claims([ACCOUNT.id], now=NOW, within=0) > 0
    assert await store.delete_account(ACCOUNT.id, now=NOW) == (SESSION.sid,)
    deleted = await store.take_change(ACCOUNT.id, now=NOW, until=NOW)
    assert deleted is not None
    assert deleted.kind == "delete"
    assert await store.list_identities(ACCOUNT.id) == ()
