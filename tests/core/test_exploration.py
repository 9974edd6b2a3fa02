"""The table keeps its promises in every reachable state, and the exploration would notice if it did not.

In full (tests/support/full.py) it explores more tabs, longer delays and more forgetful stores: a quarter of an hour.
"""

from collections.abc import Callable

import pytest

from tests.core.exploration.mutants import MUTANTS, Mutant
from tests.core.exploration.scenarios import SCENARIOS
from tests.core.exploration.search import explore
from tests.core.exploration.world import Scenario

LONG = {"a thief of the first token, the store forgets 2 once", "a thief of the first token, and one fail-over"}
"""Half the time of all: that they catch their mutants is tried always."""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_reachable_state_keeps_the_promises(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    """No false logout, no undetected theft, no fork, no resurrection; the frontier is empty at the end."""
    result = explore(scenario)
    record_property("states", result.states)
    record_property("explored", str(result))
    assert not result.fault, result
    assert result.states > 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_rule_is_caught(mutant: Mutant) -> None:
    """The scenario holds under the real rules and breaks the promise under the wrong one."""
    result = explore(mutant.scenario, mutant.rules)
    assert result.fault.startswith(mutant.promise), result


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, marks=pytest.mark.full if scenario.name in LONG else (), id=scenario.name)
        for scenario in {mutant.scenario: None for mutant in MUTANTS}
    ],
)
def test_what_catches_a_wrong_rule_passes_the_right_one(scenario: Scenario) -> None:
    """Otherwise catching a mutant would prove nothing."""
    assert not explore(scenario).fault
