"""Beside the gate `at` and Ann: a provider, a person who signs in there, and Ann's second device."""

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser
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


@pytest.fixture
async def phone(at: GateHarness, ann: Browser) -> Browser:
    """Ann's second device, signed in later."""
    at.clock.advance(60)
    browser = Browser(at.gate.asgi, address="2001:db8:5::9")
    assert (await browser.login()).status == 200
    return browser
