"""A provider tells that it has ended its session (OpenID Connect Back-Channel Logout 1.0).

    POST /oidc/{name}/back-channel-logout     from the provider's server, a form with a logout_token → 200

Every session that began there ends, on every server. 400 for a token that ends nothing, 503 if it could not be done or
checked now: the provider may send it again.
"""

from dataclasses import replace

from gatepass.core.event import ProviderFailure
from gatepass.core.logout_token import InvalidLogoutToken, LogoutToken, read_logout_token
from gatepass.core.secret import Secret
from gatepass.errors import BadRequest, NotFound, ProviderFailed, ProviderUnavailable, Unavailable
from gatepass.oidc.cached import RETRY_INTERVAL
from gatepass.oidc.partner import UnpublishedKey
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints.oidc.parameters import MAX_ANSWER, read_parameters
from gatepass.server.http import Reply, Request
from gatepass.server.provider_logout import OpenIDPartner

TOKEN = "logout_token"


async def back_channel_logout(context: Context, request: Request) -> Reply:
    """End the sessions that began in a session of a provider, at the provider's word."""
    partner = context.providers.find(request.path_params["name"])
    if not isinstance(partner, OpenIDPartner):
        raise NotFound("This provider has no logout tokens.")
    parameters = read_parameters(await request.form(MAX_ANSWER))
    ip_prefix = context.ip_prefix(request)
    context.limiter.provider_logout(ip_prefix)
    try:
        logout = await _verified(context, partner, Secret(parameters.get(TOKEN, "")))
    except InvalidLogoutToken as refused:
        at, name = context.clock.now(), partner.provider.name
        context.report(ProviderFailure(at=at, address=ip_prefix, provider=name, why=f"its logout token: {refused}"))
        raise BadRequest(
            ProblemCode.INVALID_LOGOUT_TOKEN, "This logout token is invalid, or not for this client."
        ) from None
    if partner.provider.logout_ends == "subject" and logout.subject is not None:
        logout = replace(logout, sid=None)
    await context.provider_logout.end(logout, ip_prefix=ip_prefix)
    return Reply(200, media_type="text/plain")


async def _verified(context: Context, partner: OpenIDPartner, token: Secret) -> LogoutToken:
    """The logout token, once its signature, its parties and its claims hold.

    Raises InvalidLogoutToken, or Unavailable or ProviderUnavailable where that cannot be told now.
    """
    try:
        signed = await partner.verify(token)
    except UnpublishedKey:  # published since, perhaps, and not looked for twice in a moment
        detail = "The key of this token is not known yet; try again."
        raise Unavailable(ProblemCode.UNKNOWN_KEY, detail, retry_after=RETRY_INTERVAL) from None
    except ProviderUnavailable:
        raise
    except ProviderFailed as failed:
        raise InvalidLogoutToken(failed.why) from None
    skew = partner.provider.clock_skew
    return read_logout_token(signed.claims, kind=signed.kind, now=context.clock.now(), skew=skew)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/oidc/{name}/back-channel-logout",
        back_channel_logout,
        name="endProviderSession",
        done={200: None},
        form={TOKEN: "A signed logout token (OpenID Connect Back-Channel Logout 1.0)"},
        problems={
            400: "invalid-logout-token",
            404: "not-found",
            429: "too-many-attempts",
            502: "provider-unavailable",
            503: "store-unavailable, unknown-key, overloaded, not-ready",
            504: "provider-unavailable",
        },
    ),
)
