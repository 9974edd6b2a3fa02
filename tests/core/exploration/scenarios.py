"""Which resources each exploration has. All promises of PROTOCOL §1 that the table can keep or break are here."""

import os
from dataclasses import replace

from tests.core.exploration.world import Scenario

FULL = os.environ.get("GATEPASS_EXPLORE") == "full"

OWNER = (
    Scenario("one tab, killed and put back by 3", flights=1, rollback=3),
    Scenario("two tabs, header and cookie read apart, put back by 3", two_moments=True, rollback=3),
    Scenario("three tabs at once", flights=3, rollback=1, lag=2),
    Scenario("two tabs, put back by 3, the store forgets 2", rollback=3, lag=2, forget=2),
    Scenario("two tabs, the secret changes, put back by 2", rollout=True, rollback=2, lag=2),
    Scenario("logout against refreshes in flight, the store forgets 1", lag=2, forget=1, logout=True),
    Scenario("no key, in turns, the store forgets 2", keyed=False, flights=1, forget=2),
)
THEFT = (
    Scenario("a thief without a key, two tabs, logout", thief="keyless", lag=1, window=3, logout=True),
    Scenario("a thief with own keys, racing", thief="keyed", lag=1, window=3, thief_races=True, rollback=1),
    Scenario("a thief with and without keys", thief="any", flights=1, rollback=1, lag=1, window=3),
    Scenario("a thief with own keys against no key", keyed=False, thief="keyed", flights=1, lag=1, window=3),
)
LATE_THEFT = tuple(
    replace(scenario, conflict="first use of a successor")
    for scenario in (
        Scenario("a thief who recorded one request", thief="recorded", flights=1, rollback=1, lag=1, window=2),
        Scenario("no key on either side", keyed=False, thief="keyless", flights=1, lag=1, window=3),
        Scenario("a thief, and one fail-over", thief="keyed", flights=1, forget=1, fails_once=True, lag=1, window=3),
    )
)
DEEP = (
    Scenario("three tabs, header and cookie apart, put back by 3", flights=3, two_moments=True, rollback=3, lag=3),
    Scenario("two tabs, put back by 3, the store forgets 3", rollback=3, lag=4, forget=3),
    Scenario("three tabs, put back by 2, the store forgets 1", flights=3, rollback=2, lag=2, forget=1),
    Scenario("two tabs overtaken by 12 refreshes", lag=12, rollback=1),
    Scenario("all of it at once, two tabs", two_moments=True, rollback=2, lag=2, forget=2, logout=True, rollout=True),
    Scenario("a thief without a key, racing", thief="keyless", lag=1, window=3, thief_races=True, logout=True),
    Scenario("a thief with and without keys, two tabs", thief="any", rollback=1, lag=2, window=4),
    replace(LATE_THEFT[0], name="a thief who recorded one request, two tabs", flights=2, lag=2, window=3),
    replace(LATE_THEFT[1], name="no key on either side, more ancestors", lag=2, window=5),
    replace(LATE_THEFT[2], name="a thief with and without keys, and one fail-over", thief="any"),
)
SCENARIOS = OWNER + THEFT + LATE_THEFT + (DEEP if FULL else ())
