"""What the process that forks has imported (`preloaded.py`)."""

from gatepass.cli import HOMES

IMPORTED = (
    *(f"gatepass.cli.{file}" for file in sorted(set(HOMES.values()))),
    "gatepass.client",
    "gatepass.client.http",
    "gatepass.gate",
    "gatepass.remote",
    "gatepass.serving.process",
    "gatepass.stores.combined.store",
    "gatepass.stores.postgres.store",
    "gatepass.stores.redis.store",
    "gatepass.stores.sqlite.store",
    "gatepass.testing.clock",
    "httptools",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
"""The front doors load what they need when it is asked for (`gatepass._lazy`): so each of these is named."""
