"""A provider that the gate `at` has, and a person who signs in there."""

from collections.abc import Iterator

import pytest

from tests.support.gates import GateHarness
from tests.support.person import Person
from tests.support.provider import Provider


@pytest.fixture
def provider(at: GateHarness) -> Iterator[Provider]:
    with Provider(at.clock.now) as made:
        at.gate.oidc("acme", **made.options)
        yield made


@pytest.fixture
def person(at: GateHarness) -> Person:
    return Person(at.gate.asgi)
