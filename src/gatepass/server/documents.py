"""The public documents of a gate: its keys and its OpenAPI description, made once."""

from collections.abc import Mapping

from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.server.http import Reply, Request
from gatepass.server.openapi import describe
from gatepass.server.routes import Endpoint
from gatepass.wire import bodies

CACHE = "public, max-age=300"
"""Five minutes: well below the time for which a new key is published before it signs."""


def documents(keys: KeyRing, policy: Policy) -> Mapping[str, Mapping[str, Endpoint]]:
    """Path below the mount → method → endpoint."""
    jwks = Reply(200, bodies.dump(keys.jwks()), media_type="application/jwk-set+json", cache=CACHE)
    openapi = Reply(200, bodies.dump(describe(policy)), cache=CACHE)
    return {"/jwks.json": {"GET": _fixed(jwks)}, "/openapi.json": {"GET": _fixed(openapi)}}


def _fixed(reply: Reply) -> Endpoint:
    async def endpoint(_request: Request) -> Reply:
        return reply

    return endpoint
