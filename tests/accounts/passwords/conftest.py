"""For tests that are about what a hash costs."""

from collections.abc import Iterator

import pytest

from tests.support import cheap_hashes


@pytest.fixture(scope="module")
def real_hashes() -> Iterator[None]:
    """Hashers have the product's parameters."""
    with cheap_hashes.real():
        yield
