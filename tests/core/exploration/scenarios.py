"""Which resources each exploration has. All promises of PROTOCOL §1 that the table can keep or break are here."""

from dataclasses import replace

from tests.core.exploration.world import Scenario
from tests.support.full import FULL

BOUND = (
    Scenario("one tab, killed and put back by 3", flights=1, rollback=3),
    Scenario("two tabs, state and cookie read apart, put back by 3", two_moments=True, rollback=3),
    Scenario("three tabs at once", flights=3, rollback=1, lag=2),
    Scenario("two tabs, put back by 3, the store forgets 2", rollback=3, lag=2, forget=2),
    Scenario("two tabs, the secret changes, put back by 2", rollout=True, rollback=2, lag=2),
    Scenario("logout against refreshes in flight, the store forgets 1", lag=2, forget=1, logout=True),
    Scenario("a server forwards the cookie, two tabs, the store forgets 1", forwards=True, rollback=1, lag=2, forget=1),
    Scenario("a thief of the cookie, with and without a key, the store forgets 1", thief="any", lag=1, forget=1),
    Scenario("a thief of every request, one tab, the store forgets 1", thief="recorded", flights=1, lag=1, forget=1),
)
BINDING = tuple(
    replace(scenario, bound="by a refresh")
    for scenario in (
        Scenario("two tabs bind, put back by 3", rollback=3, lag=2),
        Scenario("two tabs bind, state and cookie read apart, the store forgets 1", two_moments=True, lag=2, forget=1),
        Scenario("one tab binds, put back by 2, the store forgets 2", flights=1, rollback=2, forget=2),
        Scenario("two tabs bind, the secret changes", rollout=True, rollback=1, lag=1),
        Scenario("a server forwards the cookie once it is bound", forwards=True, rollback=1, lag=1, forget=1),
        Scenario("a thief of the first token, without a key", thief="keyless", flights=1, lag=1, rollback=1),
        Scenario("a thief of the first token, with his own key", thief="keyed", flights=1, lag=1, thief_races=True),
        Scenario("a thief of the first token, with and without, logout", thief="any", flights=1, lag=1, logout=True),
        Scenario("a thief of every request after the first", thief="recorded", flights=1, lag=1, rollback=1),
    )
)
UNBOUND = tuple(
    replace(scenario, bound="never", flights=1)
    for scenario in (
        Scenario("no key, in turns, the store forgets 2", forget=2),
        Scenario("a thief with his own key against no key", thief="keyed", lag=1),
    )
)
LATE_THEFT = tuple(
    replace(scenario, flights=1, lag=1, conflict="first use of a successor")
    for scenario in (
        Scenario("no key on either side", bound="never", thief="keyless"),
        Scenario(
            "a thief of the first token, one fail-over", bound="by a refresh", thief="any", forget=1, fails_once=True
        ),
    )
)
DEVICES = tuple(
    replace(scenario, device=True)
    for scenario in (
        Scenario("a device, two tabs, the store forgets 1", rollback=1, lag=1, forget=1),
        Scenario("a device, state and cookie read apart, logout", two_moments=True, lag=1, logout=True),
        Scenario("a device, and its first refresh binds", bound="by a refresh", flights=1, rollback=2, lag=2, forget=1),
        Scenario("a device and no key, in turns", bound="never", flights=1, forget=1),
        Scenario(
            "a copy of the profile against a device", thief="profile", thief_races=True, flights=1, lag=1, forget=1
        ),
        Scenario(
            "a copy of the profile with its device cookie, and a device of the thief",
            thief="profile",
            thief_device=True,
            flights=1,
            lag=1,
        ),
        Scenario("two tabs, and the browser loses its device", device_lost=True, rollback=1, lag=1),
        Scenario("a thief of the first token against a device", bound="by a refresh", thief="any", flights=1, lag=1),
    )
)
DEEP = (
    Scenario("a device, two tabs, put back by 2, the store forgets 2", device=True, rollback=2, lag=2, forget=2),
    Scenario(
        "a copy of the profile with its device cookie, the store forgets 1",
        device=True,
        thief="profile",
        thief_device=True,
        flights=1,
        lag=1,
        forget=1,
    ),
    Scenario("two tabs, and the browser loses its device, put back by 2", device=True, device_lost=True, rollback=2),
    Scenario("a device, two tabs bind", device=True, bound="by a refresh", rollback=1, lag=2, forget=1),
    Scenario("three tabs, state and cookie apart, put back by 3", flights=3, two_moments=True, rollback=3, lag=2),
    Scenario("two tabs, put back by 3, the store forgets 3, once", rollback=3, lag=3, forget=3),
    Scenario("two tabs overtaken by 12 refreshes", lag=12, rollback=1),
    Scenario("all of it at once, two tabs", two_moments=True, rollback=2, lag=2, forget=1, logout=True, forwards=True),
    Scenario("a thief of the cookie, two tabs, the store forgets 2", thief="any", rollback=2, lag=2, forget=2),
    Scenario("a thief of every request, two tabs, the store forgets 1", thief="recorded", rollback=1, lag=1, forget=1),
    Scenario("two tabs bind, put back by 3, the store forgets 2", bound="by a refresh", rollback=3, lag=2, forget=2),
    replace(
        LATE_THEFT[1],
        name="a thief of the first token, the store forgets 2 once",
        forget=2,
        lag=2,
        conflict="lost by the store",
    ),
)
LONG = {
    "two tabs, put back by 3, the store forgets 2",
    "a device, two tabs, the store forgets 1",
    "a thief of the first token, one fail-over",
}
"""Half the time of all; what each combines, others show alone."""
USUAL = BOUND + BINDING + UNBOUND + LATE_THEFT + DEVICES
SCENARIOS = USUAL + DEEP if FULL else tuple(scenario for scenario in USUAL if scenario.name not in LONG)
