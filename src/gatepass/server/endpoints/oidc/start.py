"""Send the browser to a provider."""

import re
from collections.abc import Sequence

from gatepass.errors import BadRequest, Forbidden, Problem, ProviderFailed
from gatepass.oidc.partner import Partner, Wish
from gatepass.oidc.return_to import with_error
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoints.oidc.parameters import Parameters, read_query
from gatepass.server.endpoints.oidc.replies import problem_page, redirect, report_failure
from gatepass.server.endpoints.sessions import RETURN_TO
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies
from gatepass.wire.bodies import ProviderStart

ASKED = ("prompt", "max_age", "login_hint")
_AGE = re.compile(r"[0-9]{1,15}", re.ASCII)
"""Longer than any that is allowed. Python refuses to read a number of thousands of digits."""


async def start(context: Context, request: Request) -> Reply:
    """Begin a sign-in at a provider: where to send the browser.

    With `link` the identity is added to the account of the access token, which needs a recent sign-in.
    """
    body = bodies.read(ProviderStart, await request.json(bodies.MAX_BYTES) or b"{}")
    partner = context.providers.find(request.path_params["name"])
    if not context.errands.may_return_to(body.return_to):
        raise bodies.invalid_body({"return_to": RETURN_TO})
    _check_age(partner, body)
    context.limiter.provider(context.ip_prefix(request))
    principal = await context.owner(request) if body.link else None
    errand, cookies = context.errands.begin(
        request,
        partner.provider,
        return_to=body.return_to,
        remember=body.remember,
        binding_key=body.binding_secret,
        replaces=_replaced(context, request),
        link=None if principal is None else principal.account_id,
        session=None if principal is None else principal.session_id,
        max_age=body.max_age,
    )
    try:
        location = await partner.authorization_url(errand, Wish(body.prompt, body.login_hint))
    except ProviderFailed as failed:
        report_failure(context, request, partner.provider.name, failed)
        raise
    return Reply(200, bodies.dump({"location": location}), cookies=cookies)


async def start_by_link(context: Context, request: Request) -> Reply:
    """Begin a sign-in at a provider by a link: send the browser there."""
    try:
        parameters = read_query(request)
        partner = context.providers.find(request.path_params["name"])
        return_to = parameters.get("return_to", "/")
        asked = bodies.read(ProviderStart, bodies.dump(_asked(parameters)))
        _check_age(partner, asked)
        if not context.errands.may_return_to(return_to):
            raise BadRequest(ProblemCode.MALFORMED_REQUEST, RETURN_TO)
        if request.headers.one(b"sec-fetch-site") == "cross-site":
            raise Forbidden(ProblemCode.CROSS_SITE, "Another site sent you here. Sign in from a page of this one.")
        context.limiter.provider(context.ip_prefix(request))
    except Problem as problem:
        return problem_page(request, problem)
    errand, cookies = context.errands.begin(
        request,
        partner.provider,
        return_to=return_to,
        remember=parameters.get("remember", "true") != "false",
        replaces=_replaced(context, request),
        max_age=asked.max_age,
    )
    try:
        location = await partner.authorization_url(errand, Wish(asked.prompt, asked.login_hint))
        return redirect(location, cookies=cookies)
    except Problem as problem:
        report_failure(context, request, partner.provider.name, problem)
        return redirect(with_error(return_to, problem.code))


def _asked(parameters: Parameters) -> dict[str, object]:
    """What a link asks of the provider. Text that is no number stays text, and is refused with the rest."""
    asked: dict[str, object] = {name: parameters[name] for name in ASKED if name in parameters}
    age = parameters.get("max_age", "")
    return asked | {"max_age": int(age)} if _AGE.fullmatch(age) else asked


def _check_age(partner: Partner, asked: ProviderStart) -> None:
    """Raise Unprocessable for a bound that nothing would be checked against: GitHub has no ID token."""
    if asked.max_age is not None and partner.provider.adapter != "oidc":
        raise bodies.invalid_body({"max_age": "This provider does not tell when a person signed in."})


def _replaced(context: Context, request: Request) -> Sequence[str]:
    """The sessions whose refresh cookies came: at the callback browsers do not send them."""
    return sorted(sid.hex() for sid in context.refresh_cookies.sids_of(request))
