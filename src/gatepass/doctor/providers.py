"""Checks of the providers at which people sign in: each answers, under the issuer that is set, with usable keys."""

from collections.abc import AsyncIterator

from gatepass.doctor.finding import Finding, error, ok
from gatepass.errors import ConfigurationError, ProviderFailed
from gatepass.oidc.providers import Providers
from gatepass.settings import Settings
from gatepass.system import SystemClock


async def check_providers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each provider; none without providers. It is asked what the server would ask before a sign-in."""
    try:
        providers = Providers(settings.providers, clock=SystemClock())
    except ConfigurationError as fault:
        yield error("providers", str(fault), "Install it; the server does not start without it.")
        return
    for name in providers.names:
        try:
            await providers.find(name).check()
        except ProviderFailed as failed:
            yield error("providers", f"{name}: {failed.why}.", "Until then no person signs in there.")
        else:
            yield ok("providers", f"{name} answers, and can be believed.")
