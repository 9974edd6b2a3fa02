"""Signing in with a code by mail.

    POST /login/mail-code/request   address → 200 for every address: a ticket; the code is mailed
    POST /login/mail-code           ticket + code → 200, signed in, or 401 second-factor-required

They are served where the policy has `mail_codes`. The ticket is for the client that asked, so neither who opens the
mail nor who hears of the code can do anything with it; a mail has no link that a scanner could follow.
"""

from typing import Any

from gatepass.core.authentication import Authentication
from gatepass.core.hook_facts import HookFacts
from gatepass.errors import InvalidCredentials
from gatepass.oidc.partner import expired
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.sign_in import signed_in
from gatepass.wire import bodies
from gatepass.wire.extra_members import read_with
from gatepass.wire.factor_bodies import MailCodeRequest, MailCodeSignIn

BY_MAIL_CODE = Authentication(("email",))
"""No name of RFC 8176: its `otp` is what a device in the person's hand makes, and authenticator apps are that here."""


async def request_mail_code(context: Context, request: Request) -> Reply:
    """Mail a code to sign in with.

    With the ticket of an earlier request, before a code was tried: the same code, and the same ticket.
    """
    raw = await request.json(bodies.MAX_BYTES)
    body, extras = read_with(MailCodeRequest, raw, context.hooks.models("mail_code"))
    email, email_key = bodies.parse_email(body.email)
    ip_prefix = context.ip_prefix(request)
    context.limiter.mail_code(ip_prefix)
    facts: HookFacts[Any] = HookFacts(kind="mail_code", account_id=None, email=email, request=context.facts(request))
    await context.hooks.ask(facts, extras)
    ticket, expires_in = await context.mail_codes.request(
        email_key, again=body.ticket, binding_key=body.binding_secret, ip_prefix=ip_prefix
    )
    return Reply(200, bodies.dump({"ticket": ticket.reveal(), "expires_in": expires_in}))


async def sign_in_by_mail_code(context: Context, request: Request) -> Reply:
    """Sign in with a mailed code.

    The sessions whose cookies came with the request end as `replaced`.
    """
    raw = await request.json(bodies.MAX_TICKET_BYTES)
    body, extras = read_with(MailCodeSignIn, raw, context.hooks.models("sign_in"))
    caller = context.caller(request)
    account, binding_key = await context.mail_codes.verify(
        body.ticket,
        body.code,
        binding_key=body.binding_secret,
        ip_prefix=caller.ip_prefix,
        devices=tuple(context.refresh_cookies.sids_of(request)),
    )
    try:
        return await signed_in(
            context,
            request,
            account,
            caller=caller,
            remember=body.remember,
            binding_key=binding_key,
            how=BY_MAIL_CODE,
            status=200,
            extras=extras,
        )
    except InvalidCredentials:  # the account has changed since it was read
        raise expired() from None


ENDPOINTS = (
    Endpoint(
        "POST",
        "/login/mail-code/request",
        request_mail_code,
        name="requestMailCode",
        body=MailCodeRequest,
        done={200: "MailCode"},
        problems={429: "too-many-attempts"},
        cross_site=True,
        act="mail_code",
    ),
    Endpoint(
        "POST",
        "/login/mail-code",
        sign_in_by_mail_code,
        name="signInByMailCode",
        body=MailCodeSignIn,
        done={200: "SignIn"},
        problems={
            400: "sign-in-expired",
            401: "invalid-mail-code, second-factor-required",
            429: "too-many-attempts",
        },
        cross_site=True,
        act="sign_in",
    ),
)
