"""Signing out at the provider too: where the browser ends the session there (OpenID Connect RP-Initiated Logout 1.0).

The address says which client asks, and which session of the provider it is (`logout_hint`, the `sid` of the ID token).
The ID token itself is not kept, so it is not sent (`id_token_hint`): a provider that wants one asks the person. Nothing
in the address says who the person is.
"""

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from gatepass.core.event import ProviderFailure
from gatepass.core.identity import ProviderSession
from gatepass.core.secret import Secret
from gatepass.errors import NotFound, ProviderFailed
from gatepass.oidc.metadata import Metadata
from gatepass.oidc.options import Provider
from gatepass.oidc.partner import Signed
from gatepass.oidc.return_to import with_query
from gatepass.server.context import Context
from gatepass.server.http import Request


@runtime_checkable
class OpenIDPartner(Protocol):
    """A provider with ID tokens, and so with logout tokens. GitHub is none."""

    @property
    def provider(self) -> Provider:
        """What the application says of it."""
        ...

    async def metadata(self) -> Metadata:
        """What it says of itself. Raises ProviderFailed."""
        ...

    async def verify(self, token: Secret) -> Signed:
        """A token that it signed for this client. Raises ProviderFailed."""
        ...


async def end_session_location(
    context: Context, request: Request, sids: Collection[bytes], *, return_to: str | None
) -> str | None:
    """Where the browser ends the session at the provider where one of these began.

    None if they began here, or their provider offers no such address, is not configured any more, or does not answer:
    the person is signed out here in any case.
    """
    origins = [await context.provider_logout.origin(sid) for sid in sorted(sids)]
    for origin in filter(None, origins):
        try:
            location = await _location(context, origin, return_to=return_to)
        except NotFound:
            continue
        except ProviderFailed as failed:
            at, address = context.clock.now(), context.ip_prefix(request)
            context.report(ProviderFailure(at=at, address=address, provider=origin.provider, why=failed.why))
            continue
        if location is not None:
            return location
    return None


async def _location(context: Context, origin: ProviderSession, *, return_to: str | None) -> str | None:
    partner = context.providers.find(origin.provider)
    if not isinstance(partner, OpenIDPartner):
        return None
    endpoint = (await partner.metadata()).end_session_endpoint
    if endpoint is None:
        return None
    parameters = {
        "client_id": partner.provider.client_id,
        "logout_hint": origin.provider_sid,
        "post_logout_redirect_uri": None if return_to is None else context.errands.absolute(return_to),
    }
    return with_query(endpoint, {name: value for name, value in parameters.items() if value is not None})
