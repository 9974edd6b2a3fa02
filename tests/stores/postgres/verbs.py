"""What a test calls on a PostgreSQL store, and how it tells a result from an error."""

from collections.abc import Awaitable, Callable

from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, account_of, session_of, swap_of

Verb = Callable[[PostgresStore], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "swap": lambda store: store.swap(swap_of(session_of(account_of()))),
    "find": lambda store: store.find(bytes(16)),
    "add": lambda store: store.add(session_of(account_of("nobody")), credential_version=1),
    "revoke": lambda store: store.revoke(bytes(16), reason="revoked", now=NOW),
    "change_password": lambda store: store.change_password(
        account_of().id, password_hash="x", credential_version=1, now=NOW, keep=None
    ),
    "ping": lambda store: store.ping(),
    "prune": lambda store: store.prune(before=1, limit=1),
}


async def outcome(work: Awaitable[object]) -> str:
    """The outcome of a verb: done or unavailable. Any other exception is raised."""
    try:
        await work
    except StoreUnavailable:
        return "unavailable"
    return "done"
