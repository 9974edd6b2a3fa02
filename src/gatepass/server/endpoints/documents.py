"""The public documents of a gate: its keys, its OpenAPI description, its health."""

from gatepass.core.keyring import jwks
from gatepass.errors import Unavailable
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies

CACHE = "public, max-age=300"
"""Five minutes: well below the time for which a new key is published before it signs."""
KEY_SET = "application/jwk-set+json"


async def get_keys(context: Context, _request: Request) -> Reply:
    """The public keys."""
    return Reply(200, bodies.dump(jwks(context.signing_keys.current)), media_type=KEY_SET, cache=CACHE, is_public=True)


async def get_description(context: Context, _request: Request) -> Reply:
    """This document."""  # noqa: D404 (the summary of the operation)
    return Reply(200, context.description(), cache=CACHE, is_public=True)


async def healthz(_context: Context, _request: Request) -> Reply:
    """Whether the process answers.

    Says nothing of the store, which a restart would not mend.
    """
    return Reply(200, bodies.dump({"status": "ok"}))


async def readyz(context: Context, _request: Request) -> Reply:
    """Whether this process can serve now; 503 tells a balancer to send requests elsewhere.

    The store takes a write, all background tasks run, and what is known of revocations is fresh.
    """
    try:
        context.check_health()
        await context.ping()
    except Unavailable as fault:
        return Reply.of(fault)
    return Reply(200, bodies.dump({"status": "ready"}))


ENDPOINTS = (
    Endpoint("GET", "/jwks.json", get_keys, name="getKeys", done={200: "Jwks"}, media_type=KEY_SET),
    Endpoint("GET", "/openapi.json", get_description, name="getDescription", done={200: "Document"}),
)
AROUND = (
    Endpoint("GET", "/.well-known/jwks.json", get_keys, name="getKeys", done={200: "Jwks"}, media_type=KEY_SET),
    Endpoint("GET", "/healthz", healthz, name="getHealth", done={200: "Status"}, stateless=True),
    Endpoint(
        "GET",
        "/readyz",
        readyz,
        name="getReadiness",
        done={200: "Status"},
        problems={503: "store-unavailable, not-ready, out-of-touch"},
    ),
)
"""Served outside the mount by `gatepass serve` alone, so not described."""
