"""A JWKS that is published, and gates that fetch it."""

from collections.abc import Iterator
from typing import Any

import pytest

from gatepass.remote import RemoteGate
from gatepass.testing.clock import ManualClock
from tests.remote.jwks_server import Published, publish
from tests.remote.keys import AUDIENCE, ISSUER, NEW, OLD, Make, document


@pytest.fixture
def published() -> Iterator[Published]:
    with publish(document(OLD, NEW)) as server:
        yield server


@pytest.fixture
def remote(published: Published) -> Iterator[Make]:
    made: list[RemoteGate] = []

    def make(url: str = "", **options: Any) -> RemoteGate:
        gate = RemoteGate(url or published.url, issuer=ISSUER, audience=AUDIENCE, clock=ManualClock(), **options)
        made.append(gate)
        return gate

    yield make
    for gate in made:
        gate.close()
