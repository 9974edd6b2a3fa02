"""`gatepass doctor`: checks a deployment as an experienced operator would, and says how to fix what it finds.

From inside: the settings, the machine, the configured store. From outside, if a URL is given: what a browser gets
through the proxies in front of the server. Nothing is changed, except that a check from outside fails to sign in twice,
to addresses without an account, to see which network the server counts the request against.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from gatepass.doctor.configuration import check_settings
from gatepass.doctor.finding import Finding, Level
from gatepass.doctor.keys import check_keys
from gatepass.doctor.machine import check_machine
from gatepass.doctor.outside import check_from_outside
from gatepass.doctor.providers import check_providers
from gatepass.doctor.storage import check_stores
from gatepass.errors import ConfigurationError
from gatepass.settings import Settings

__all__ = ["Finding", "Level", "examine"]


async def examine(*, env_file: Path | None = None, url: str | None = None, workers: int = 1) -> AsyncIterator[Finding]:
    """All findings, in the order of the checks. `url` is the address that browsers use, such as https://example.com."""
    try:
        settings = Settings.load(env_file=env_file, public_url=url or "http://localhost:8000")
    except ConfigurationError as faults:
        for fault in str(faults).splitlines():
            yield Finding("settings", "error", fault, "Correct the setting; the server does not start with it.")
        return
    for finding in check_settings(settings, env_file=env_file, workers=workers):
        yield finding
    for finding in check_machine(settings):
        yield finding
    async for finding in check_stores(settings):
        yield finding
    async for finding in check_keys(settings):
        yield finding
    async for finding in check_providers(settings):
        yield finding
    if url is not None:
        async for finding in check_from_outside(settings, url):
            yield finding
