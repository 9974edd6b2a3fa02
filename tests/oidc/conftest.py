"""The provider and the person of the tests of the server."""

from tests.server.conftest import person, provider

__all__ = ["person", "provider"]
