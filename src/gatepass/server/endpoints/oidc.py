"""Sign-in at a provider (OpenID Connect): the browser is sent there, and comes back with an answer.

    POST /oidc/{name}/start       by the page, with its binding key → where to go, and the cookie of the errand
    GET  /oidc/{name}/start       by a link, without a key → 303 to the provider
    GET  /oidc/{name}/callback    from the provider → 303 to the page, signed in, or with ?gatepass_error=<code>
    POST /oidc/{name}/callback    the same by a form, at a provider with `response_mode=form_post`

An answer counts only in the browser that carries its errand (`oidc.errand`). Other sites may send browsers here, so
what has no errand is answered by a page of one sentence, and nothing happens.
"""

import logging
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import parse_qsl

from gatepass.accounts.hooks import HookError
from gatepass.core.authentication import Authentication
from gatepass.core.event import ProviderFailure, ProviderSignInRefused
from gatepass.core.identity import ProviderSignIn
from gatepass.core.secret import Secret
from gatepass.errors import (
    BadRequest,
    Forbidden,
    Problem,
    ProviderFailed,
    SecondFactorRequired,
    SessionEnded,
    SignInRefused,
)
from gatepass.oidc.errand import Errand
from gatepass.oidc.partner import Answer, Assertion, Partner, Wish, expired
from gatepass.oidc.return_to import with_error
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints.sessions import RETURN_TO
from gatepass.server.http import InternalError, Reply, Request
from gatepass.server.sign_in import begin
from gatepass.wire import bodies
from gatepass.wire.bodies import ProviderStart

logger = logging.getLogger("gatepass.server")

MAX_ANSWER = 16_384
"""Bytes of what a provider sends the browser back with."""
MAX_PARAMETERS = 20
ASKED = ("prompt", "max_age", "login_hint")
HTML = "text/html; charset=utf-8"


class Parameters(dict[str, str]):
    """What came in a query or a form: a code among it, which crash reports must not show."""

    def __repr__(self) -> str:
        return "<parameters>"


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
        _tell(context, request, partner.provider.name, failed)
        raise
    return Reply(200, bodies.dump({"location": location}), cookies=cookies)


async def start_by_link(context: Context, request: Request) -> Reply:
    """Begin a sign-in at a provider by a link: send the browser there."""
    try:
        parameters = _query(request)
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
        return _page(request, problem)
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
        return _redirect(location, cookies=cookies)
    except Problem as problem:
        _tell(context, request, partner.provider.name, problem)
        return _redirect(with_error(return_to, problem.code))


async def callback(context: Context, request: Request) -> Reply:
    """Take the provider's answer: sign in, and send the browser back to the page."""
    try:
        partner = context.providers.find(request.path_params["name"])
        parameters = _query(request)
    except Problem as problem:
        return _page(request, problem)
    return await _take(context, request, partner, parameters)


async def callback_by_form(context: Context, request: Request) -> Reply:
    """Take the provider's answer from a form."""
    try:
        partner = context.providers.find(request.path_params["name"])
        parameters = read_parameters(await request.form(MAX_ANSWER))
    except Problem as problem:
        return _page(request, problem)
    return await _take(context, request, partner, parameters)


async def _take(context: Context, request: Request, partner: Partner, parameters: "Parameters") -> Reply:
    name = partner.provider.name
    errand, gone = context.errands.take(request, parameters.get("state", ""), provider=name)
    if errand is None:
        return _page(request, expired(), cookies=gone)
    try:
        cookies = await _finish(context, request, partner, errand, parameters)
    except SecondFactorRequired as needed:
        page, ticket = with_error(errand.return_to, needed.code), context.errands.keep_ticket(needed.ticket)
        return _redirect(page, cookies=[*gone, ticket])
    except Problem as problem:
        _tell(context, request, name, problem)
        return _redirect(with_error(errand.return_to, problem.code), cookies=gone)
    except HookError:
        logger.exception("unexpected error at the callback of %s", name)
        return _redirect(with_error(errand.return_to, InternalError().code), cookies=gone)
    page = errand.return_to if errand.link else context.errands.told(errand.return_to)
    return _redirect(page, cookies=[*gone, *cookies])


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


def _asked(parameters: Parameters) -> dict[str, object]:
    """What a link asks of the provider. Text that is no number stays text, and is refused with the rest."""
    asked: dict[str, object] = {name: parameters[name] for name in ASKED if name in parameters}
    age = parameters.get("max_age", "")
    return asked | {"max_age": int(age)} if age.isascii() and age.isdigit() else asked


def _check_age(partner: Partner, asked: ProviderStart) -> None:
    """Raise Unprocessable for a bound that nothing would be checked against: GitHub has no ID token."""
    if asked.max_age is not None and partner.provider.adapter != "oidc":
        raise bodies.invalid_body({"max_age": "This provider does not tell when a person signed in."})


def _replaced(context: Context, request: Request) -> Sequence[str]:
    """The sessions whose refresh cookies came: at the callback browsers do not send them."""
    return sorted(sid.hex() for sid in context.refresh_cookies.sids(context.refresh_cookies.received(request)))


def _query(request: Request) -> Parameters:
    return read_parameters(request.scope.get("query_string", b""))


def read_parameters(raw: bytes) -> Parameters:
    """The parameters of a query or a form. Raises BadRequest; none may stand twice (RFC 6749 §3.1)."""
    try:
        if len(raw) > MAX_ANSWER:
            raise ValueError
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise BadRequest(ProblemCode.MALFORMED_REQUEST, "The parameters of this address cannot be read.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadRequest(ProblemCode.MALFORMED_REQUEST, "A parameter of this address stands twice.")
    return Parameters(pairs)


def _tell(context: Context, request: Request, provider: str, problem: Problem) -> None:
    """Report why nobody was signed in."""
    at, address = context.clock.now(), context.ip_prefix(request)
    if isinstance(problem, ProviderFailed) and context.providers.is_news(provider, problem.why):
        context.report(ProviderFailure(at=at, address=address, provider=provider, why=problem.why))
    context.report(ProviderSignInRefused(at=at, address=address, provider=provider, code=problem.code))


def _redirect(location: str, *, cookies: Iterable[str] = ()) -> Reply:
    return Reply(303, headers=[("location", location)], cookies=cookies)


def _page(request: Request, problem: Problem, *, cookies: Iterable[str] = ()) -> Reply:
    """A problem for a person: a page without script, style or text of others. A program gets a document."""
    is_person = request.headers.one(b"sec-fetch-mode") == "navigate" or "text/html" in ",".join(
        request.headers.all(b"accept")
    )
    if not is_person:
        return Reply.of(problem, cookies=cookies)
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(problem.title)}</title>"
        f"<h1>Nobody was signed in</h1><p>{escape(problem.detail)}</p><p><a href=/>Go on</a></p></html>"
    )
    headers = [(name.lower(), value) for name, value in problem.headers.items()]
    return Reply(problem.status, text.encode(), media_type=HTML, headers=headers, cookies=cookies)


_PROBLEMS = {400: "malformed-request, sign-in-expired", 403: "cross-site", 404: "not-found"}
_WISHES = {
    "prompt": "login, select_account or consent",
    "max_age": "Seconds since the person last signed in at the provider, at most",
    "login_hint": "Who is probably signing in",
}
_ANSWER = {
    "code": "The code of a sign-in",
    "state": "Which sign-in it is the answer to",
    "iss": "The provider (RFC 9207)",
    "error": "Why there is no code",
}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/oidc/{name}/start",
        start,
        name="startProviderSignIn",
        body=ProviderStart,
        done={200: "Location"},
        problems={
            401: "token-required, invalid-token, insufficient-user-authentication",
            404: "not-found",
            429: "too-many-attempts",
            502: "provider-unavailable, provider-error",
            504: "provider-unavailable",
        },
        cross_site=True,
    ),
    Endpoint(
        "GET",
        "/oidc/{name}/start",
        start_by_link,
        name="openProvider",
        done={303: None},
        problems={**_PROBLEMS, 422: "invalid-body", 429: "too-many-attempts"},
        query={
            "return_to": "Where the browser goes afterwards",
            "remember": "false: until the browser is closed",
            **_WISHES,
        },
        by_navigation=True,
        media_type=HTML,
    ),
    Endpoint(
        "GET",
        "/oidc/{name}/callback",
        callback,
        name="takeProviderAnswer",
        done={303: None},
        problems=_PROBLEMS,
        query=_ANSWER,
        by_navigation=True,
        media_type=HTML,
    ),
    Endpoint(
        "POST",
        "/oidc/{name}/callback",
        callback_by_form,
        name="takeProviderAnswerByForm",
        done={303: None},
        problems=_PROBLEMS,
        by_navigation=True,
        media_type=HTML,
    ),
)
