"""Sign in, refresh, sign out: the endpoints that read and set the refresh cookie (PROTOCOL §6).

Each has three beats: read the request, ask a service, reply. The cross-site check has passed before (see `endpoint`).
"""

from typing import assert_never

from gatepass.core.refresh_token import RefreshToken
from gatepass.core.rotation import DeviceMissing, Ended, Late
from gatepass.errors import (
    InvalidToken,
    ProofRequired,
    RefreshSuperseded,
    SessionEnded,
    StoreUnavailable,
    TokenRequired,
    Unavailable,
)
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.cookies.refresh_cookie import OutOfStep, Unproven, mark_of
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.provider_logout import end_session_location
from gatepass.server.sign_in.sign_in import grant_json, signed_in
from gatepass.sessions.tokens import Grant
from gatepass.wire import answers, bodies, secure_session
from gatepass.wire.bodies import Credentials, LogoutRequest, RefreshRequest
from gatepass.wire.extra_members import read_with

NO_BODY = RefreshRequest()
RETURN_TO = "return_to must be a path of this origin, such as /notes, or an address of an allowed origin."
SIGN_IN_AGAIN = {"operationId": "signIn", "requestBody": "$request.body"}


async def login(context: Context, request: Request) -> Reply:
    """Sign in.

    The sessions whose cookies came with the request end as `replaced`.
    """
    models = context.hooks.models("sign_in")
    body, extras = read_with(Credentials, await request.json(bodies.MAX_BYTES), models)
    caller = context.caller(request)
    account = await context.accounts.authenticate(
        bodies.email_key(body.email),
        body.password,
        ip_prefix=caller.ip_prefix,
        raw_email=body.email,
        request=context.facts(request),
        devices=tuple(context.refresh_cookies.sids_of(request)),
    )
    return await signed_in(
        context,
        request,
        account,
        caller=caller,
        remember=body.remember,
        binding_key=body.binding_secret,
        status=200,
        extras=extras,
    )


async def refresh(context: Context, request: Request) -> Reply:
    """Exchange the refresh token.

    The answer to each outcome of the table of PROTOCOL §4.
    """
    raw = await request.json(bodies.MAX_BYTES)
    body = bodies.read(RefreshRequest, raw) if raw else NO_BODY
    offered = body.binding_secret
    presented = context.refresh_cookies.present(request)
    token, ip_prefix = presented.token, context.ip_prefix(request)
    if isinstance(presented, OutOfStep):
        context.limiter.unproven(ip_prefix)
        return await _out_of_step(context, token)
    if isinstance(presented, Unproven):
        context.limiter.unproven(ip_prefix)
        # A browser whose storage was cleared offers a new key, with a proof by that: no reason to alarm its owner.
        why = "missing" if offered else presented.reason
        context.refreshes.report_unproven(token, reason=why, ip_prefix=ip_prefix)
        raise ProofRequired(why)
    context.limiter.refresh(token.sid, ip_prefix)
    refreshed = await context.refreshes.refresh(
        token,
        key=presented.key or offered,
        ip_prefix=ip_prefix,
        shown_device=context.device_cookies.is_shown(request, token.sid),
    )
    match refreshed:
        case Grant(access_token=None):
            return Reply.of(
                RefreshSuperseded(mark_of(refreshed.token)), cookies=context.refresh_cookies.issue(refreshed)
            )
        case Grant():
            # Tokens are arguments here, and in no local variable: crash reports show those.
            return Reply(
                200,
                bodies.dump({**grant_json(refreshed), **(await _account(context, refreshed) if body.account else {})}),
                headers=context.device_cookies.offer_late(request, refreshed.session),
                cookies=context.refresh_cookies.issue(refreshed),
            )
        case Late():
            raise RefreshSuperseded
        case DeviceMissing():
            raise _without_device(context, request, token)
        case Ended(reason):
            raise SessionEnded(sid=token.sid.hex(), reason=reason)
        case _:
            assert_never(refreshed)


async def logout(context: Context, request: Request) -> Reply:
    """End the session of the cookie and of the bearer token.

    Idempotent. An access token may have expired, but must be authentic: with one that is not, and without a cookie,
    nothing can be ended, and the answer says so. With `at_provider`: 200 says where the browser ends the session of
    the provider where this one began, and 204 that there is nothing to do.
    """
    raw = await request.json(bodies.MAX_BYTES)
    body = bodies.read(LogoutRequest, raw) if raw else LogoutRequest()
    if body.return_to is not None and not context.errands.may_return_to(body.return_to):
        raise bodies.invalid_body({"return_to": RETURN_TO})
    received = context.refresh_cookies.received(request)
    proven = _bearer_sid(context, request, is_needed=not received)
    sids, cookies = context.refresh_cookies.sign_out(request, proven=proven)
    for sid in sids:
        await context.sessions.revoke(sid, reason="revoked", ip_prefix=context.ip_prefix(request))
    gone = [*cookies, *(context.device_cookies.clear() if cookies else ())]
    there = await end_session_location(context, request, sids, return_to=body.return_to) if body.at_provider else None
    return Reply(204, cookies=gone) if there is None else Reply(200, bodies.dump({"location": there}), cookies=gone)


def _without_device(context: Context, request: Request, token: RefreshToken) -> Unavailable | ProofRequired:
    """503 if the browser says that it will have its device again; else this is a copy, or the key is lost for good."""
    ip_prefix = context.ip_prefix(request)
    skipped = secure_session.read_skipped(request.headers, token.sid.hex())
    if skipped is None:
        context.limiter.unproven(ip_prefix)
        context.refreshes.report_unproven(token, reason="device", ip_prefix=ip_prefix)
        return ProofRequired("device")
    context.refreshes.report_skipped(token, reason=skipped, ip_prefix=ip_prefix)
    return Unavailable(
        ProblemCode.DEVICE_UNAVAILABLE, "The browser could not show its device; try again.", retry_after=10
    )


async def _out_of_step(context: Context, token: RefreshToken) -> Reply:
    """409 with the right session, generation and challenge. Nothing has changed, and only the state cookie is set."""
    remember = await context.sessions.is_remembered(token.sid)
    return Reply.of(RefreshSuperseded(mark_of(token)), cookies=context.refresh_cookies.state(token, remember=remember))


async def _account(context: Context, grant: Grant) -> dict[str, object]:
    """The account as a member of the answer. Without it if the store fails now: the tokens have been exchanged."""
    try:
        account = await context.accounts.find(grant.session.account_id)
    except StoreUnavailable:
        return {}
    return {} if account is None else {"account": answers.account_json(account)}


def _bearer_sid(context: Context, request: Request, *, is_needed: bool) -> set[bytes]:
    """The session of an authentic access token. Raises InvalidToken for another one if it `is_needed`."""
    try:
        return {bytes.fromhex(context.check.session_to_end(request.headers.all(b"authorization")))}
    except TokenRequired:
        return set()
    except InvalidToken:
        if is_needed:
            raise
        return set()


ENDPOINTS = (
    Endpoint(
        "POST",
        "/login",
        login,
        name="signIn",
        body=Credentials,
        done={200: "SignIn"},
        problems={
            401: "invalid-credentials, second-factor-required",
            422: "password-too-long",
            429: "too-many-attempts",
        },
        cross_site=True,
        act="sign_in",
        links={"SignInAgain": SIGN_IN_AGAIN},
    ),
    Endpoint(
        "POST",
        "/refresh",
        refresh,
        name="refresh",
        body=RefreshRequest,
        done={200: "Grant"},
        problems={
            401: "session-ended, no-session",
            403: "proof-required",
            409: "refresh-superseded, session-mismatch",
            429: "too-many-attempts",
            503: "device-unavailable",
        },
        cross_site=True,
        proven=True,
    ),
    Endpoint(
        "POST",
        "/logout",
        logout,
        name="signOut",
        body=LogoutRequest,
        done={204: None, 200: "Location"},
        problems={401: "invalid-token", 409: "session-mismatch"},
        cross_site=True,
    ),
)
