"""Bounds that hold for every store: what a flood of requests may make a store keep or queue."""

MAX_ATTEMPT_KEYS = 100_000
"""Counts of failed sign-ins. Chosen against a flood of invented addresses, which must not fill memory or disk; the
oldest counts are deleted first."""
TRIM_INTERVAL = 1_000
"""Failures between two checks of that bound: counting 100,000 keys at every failure would delay the refreshes."""
MAX_WAITING = 10_000
"""Operations that wait in one queue: about half a second of work. A longer queue would be answered after its clients
have given up."""
MAX_NAMED = 1_000
"""Sids that messages may name before a subscription says "look" instead: a flood of messages costs bounded memory."""
