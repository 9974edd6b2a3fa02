"""These tests are about hashes: theirs have the product's parameters."""

from collections.abc import Iterator

import pytest

from tests.support import cheap_hashes


@pytest.fixture(autouse=True, scope="package")
def _hashes() -> Iterator[None]:
    with cheap_hashes.real():
        yield
