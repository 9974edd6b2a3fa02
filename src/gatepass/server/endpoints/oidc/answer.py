"""Take the provider's answer: begin the session, or add the identity, and send the browser back to the page."""

import logging
from collections.abc import Iterable

from gatepass.accounts.hooks import HookError
from gatepass.core.authentication import Authentication
from gatepass.core.identity import ProviderSignIn
from gatepass.core.secret import Secret
from gatepass.errors import Problem, SecondFactorRequired, SessionEnded, SignInRefused
from gatepass.oidc.errand import Errand
from gatepass.oidc.partner import Answer, Assertion, Partner, expired
from gatepass.oidc.return_to import with_error
from gatepass.server.context import Context
from gatepass.server.endpoints.oidc.parameters import MAX_ANSWER, Parameters, read_parameters, read_query
from gatepass.server.endpoints.oidc.replies import problem_page, redirect, report_failure
from gatepass.server.http import InternalError, Reply, Request
from gatepass.server.sign_in.sign_in import begin

logger = logging.getLogger("gatepass.server")


async def callback(context: Context, request: Request) -> Reply:
    """Take the provider's answer: sign in, and send the browser back to the page."""
    try:
        partner = context.providers.find(request.path_params["name"])
        parameters = read_query(request)
    except Problem as problem:
        return problem_page(request, problem)
    return await _take(context, request, partner, parameters)


async def callback_by_form(context: Context, request: Request) -> Reply:
    """Take the provider's answer from a form."""
    try:
        partner = context.providers.find(request.path_params["name"])
        parameters = read_parameters(await request.form(MAX_ANSWER))
    except Problem as problem:
        return problem_page(request, problem)
    return await _take(context, request, partner, parameters)


async def _take(context: Context, request: Request, partner: Partner, parameters: Parameters) -> Reply:
    name = partner.provider.name
    errand, gone = context.errands.take(request, parameters.get("state", ""), provider=name)
    if errand is None:
        return problem_page(request, expired(), cookies=gone)
    try:
        cookies = await _finish(context, request, partner, errand, parameters)
    except SecondFactorRequired as needed:
        page, ticket = with_error(errand.return_to, needed.code), context.errands.keep_ticket(needed.ticket)
        return redirect(page, cookies=[*gone, ticket])
    except Problem as problem:
        report_failure(context, request, name, problem)
        return redirect(with_error(errand.return_to, problem.code), cookies=gone)
    except HookError:
        logger.exception("unexpected error at the callback of %s", name)
        return redirect(with_error(errand.return_to, InternalError().code), cookies=gone)
    page = errand.return_to if errand.link else context.errands.told(errand.return_to)
    return redirect(page, cookies=[*gone, *cookies])


async def _finish(
    context: Context, request: Request, partner: Partner, errand: Errand, parameters: Parameters
) -> Iterable[str]:
    """Ask the provider, and begin the session or add the identity. Returns Set-Cookie values."""
    if errand.expires_at <= context.clock.now():
        raise expired()
    answer = Answer(
        Secret(parameters["code"]) if "code" in parameters else None, parameters.get("error"), parameters.get("iss")
    )
    assertion = await partner.assertion(errand, answer)
    if errand.link is not None:
        return await _link(context, request, errand, assertion)
    identity, caller = assertion.identity, context.caller(request)
    account = await context.identities.account_for(identity, request=context.facts(request))
    now, signed_in_at = context.clock.now(), assertion.auth_time
    begun = await begin(
        context,
        request,
        account,
        caller=caller,
        remember=errand.remember,
        binding_key=errand.binding_key,
        # The provider's clock may be ahead, within what was checked.
        how=Authentication(assertion.methods, assertion.acr, None if signed_in_at is None else min(signed_in_at, now)),
        replacing=[bytes.fromhex(sid) for sid in errand.replaces],
        through=ProviderSignIn(
            identity.provider, identity.issuer, identity.subject, assertion.sid, assertion.issued_at
        ),
    )
    if begun is None:
        raise SignInRefused
    return begun.cookies


async def _link(context: Context, request: Request, errand: Errand, assertion: Assertion) -> Iterable[str]:
    """Add the identity to the account of the session that asked for it, if that has not ended meanwhile."""
    account_id = errand.link or ""
    live = {session.sid.hex() for session in await context.sessions.list_for_account(account_id)}
    if errand.session not in live:
        raise SessionEnded
    await context.identities.link(account_id, assertion.identity, ip_prefix=context.ip_prefix(request))
    return ()
