"""What is deleted once it has no effect any more, since it names networks or people.

Failed sign-ins, registrations, at which provider a session began, the marks of changed accounts and claims, what was
used once, and what was asked for lost factors.
"""

from gatepass.accounts.attempt import LASTING
from gatepass.accounts.changes import RETENTION
from gatepass.core.claims_mark import first_number
from gatepass.core.factor import RECOVERY_WINDOW
from gatepass.core.policy import DAY, HOUR
from gatepass.core.throttle import LIFETIME, PER_GUESSER
from gatepass.ports import Store

MAX_BATCH = 500
"""Rows of one statement: no sign-in waits behind a longer one."""


class Retention:
    """Deletes counts that no throttle looks at again, registrations of which no link can be valid, and so on."""

    def __init__(self, store: Store, *, verify_ttl: int) -> None:
        """`verify_ttl` is the life of a registration's link in seconds."""
        self._store = store
        self._verify_ttl = verify_ttl

    async def prune(self, now: int) -> None:
        """Delete all that is due at a time (Unix seconds). Raises StoreUnavailable."""
        store = self._store
        for before, keep in ((now - PER_GUESSER.memory, LASTING), (now - LIFETIME.memory, "")):
            while await store.prune_attempts(before=before, keep=keep, limit=MAX_BATCH) == MAX_BATCH:
                pass
        while await store.prune_changes(now=now, before=now - RETENTION, limit=MAX_BATCH) == MAX_BATCH:
            pass
        # A link that is sent again at the last moment holds for another life, as its mail says.
        oldest = now - 2 * self._verify_ttl
        while await store.prune_registrations(before=oldest, limit=MAX_BATCH) == MAX_BATCH:
            pass
        while await store.prune_provider_sessions(before=now, limit=MAX_BATCH) == MAX_BATCH:
            pass
        # An hour later than they expire: another server's clock may be behind.
        while await store.prune_used(before=now - HOUR, limit=MAX_BATCH) == MAX_BATCH:
            pass
        while await store.prune_factor_recoveries(before=now - RECOVERY_WINDOW, limit=MAX_BATCH) == MAX_BATCH:
            pass
        below = first_number(now - DAY)  # as long as the end of a session is kept for guards that restart
        while await store.prune_claims_marks(below=below, limit=MAX_BATCH) == MAX_BATCH:
            pass
