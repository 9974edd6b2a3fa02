"""`gatepass doctor`: looks at a deployment as an experienced operator would, and says what to do.

From inside: the settings, the machine, the store as it is configured. From outside, where an address is given: what a
browser gets through whatever stands before the server. Nothing is changed, but for one failed sign-in to an address
that nobody has, by which it sees whose network the server takes a request to come from.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from gatepass.doctor.configuration import look_at_settings
from gatepass.doctor.finding import Finding, Level
from gatepass.doctor.machine import look_at_machine
from gatepass.doctor.outside import look_from_outside
from gatepass.doctor.storage import look_at_stores
from gatepass.errors import ConfigurationError
from gatepass.settings import Settings

__all__ = ["Finding", "Level", "examine"]


async def examine(*, env_file: Path | None = None, url: str | None = None, workers: int = 1) -> AsyncIterator[Finding]:
    """Everything there is to say, in order. `url` is where browsers reach the server, such as https://example.com."""
    try:
        settings = Settings.load(env_file=env_file, public_url=url or "http://localhost:8000")
    except ConfigurationError as faults:
        for fault in str(faults).splitlines():
            yield Finding("settings", "fault", fault, "Correct the setting; nothing starts with it.")
        return
    for finding in look_at_settings(settings, env_file=env_file, workers=workers):
        yield finding
    for finding in look_at_machine(settings):
        yield finding
    async for finding in look_at_stores(settings):
        yield finding
    if url is not None:
        async for finding in look_from_outside(settings, url):
            yield finding
