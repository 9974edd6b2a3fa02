"""The public documents of a gate: its keys and its OpenAPI description."""

from collections.abc import Callable, Mapping, Sequence

from gatepass.core.keyring import SigningKey, jwks
from gatepass.core.policy import Policy
from gatepass.server.endpoints.sessions import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.openapi import describe
from gatepass.wire import bodies

CACHE = "public, max-age=300"
"""Five minutes: well below the time for which a new key is published before it signs."""


def documents(keys: Callable[[], Sequence[SigningKey]], policy: Policy) -> Mapping[str, Mapping[str, Endpoint]]:
    """Path below the mount → method → endpoint. `keys()` are those of the moment."""
    description = Reply(200, bodies.dump(describe(policy)), cache=CACHE)

    async def key_set(_request: Request) -> Reply:
        return Reply(200, bodies.dump(jwks(keys())), media_type="application/jwk-set+json", cache=CACHE)

    async def openapi(_request: Request) -> Reply:
        return description

    return {"/jwks.json": {"GET": key_set}, "/openapi.json": {"GET": openapi}}
