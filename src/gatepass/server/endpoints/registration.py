"""Registration: make an account at once, or once its address is verified by mail.

    POST /register         201 and signed in; 202 for every address where it is verified first
    POST /verify           the link and the password that was chosen → 201, signed in
    POST /verify/resend    202 for every address

They need no access token, so they are declared `cross_site`: no page of another site can make a visitor ask for mail.
"""

from typing import assert_never

from gatepass.accounts.registration import Pending, Registered
from gatepass.server.context import Context
from gatepass.server.endpoint import PASSWORD_PROBLEMS, Endpoint
from gatepass.server.endpoints.sessions import SIGN_IN_AGAIN
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.sign_in import signed_in
from gatepass.wire import bodies
from gatepass.wire.bodies import EmailRequest, Registration, VerifyRequest
from gatepass.wire.extra_members import read_with


async def register(context: Context, request: Request) -> Reply:
    """Make an account and sign it in; where addresses are verified, mail a link instead (202).

    The 202 is the same for every address, and sets no cookie.
    """
    caller = context.caller(request)
    context.limiter.register(caller.ip_prefix)
    models = context.hooks.models("register")
    body, extras = read_with(Registration, await request.json(bodies.MAX_BYTES), models)
    email, email_key = bodies.parse_email(body.email)
    registered = await context.registration.request(
        email,
        email_key,
        body.password,
        ip_prefix=caller.ip_prefix,
        request=context.facts(request),
        extras=extras,
    )
    match registered:
        case Registered(account):
            return await signed_in(
                context,
                request,
                account,
                caller=caller,
                remember=body.remember,
                binding_key=body.binding_secret,
                status=201,
            )
        case Pending():
            return Reply(202)
        case _:
            assert_never(registered)


async def verify(context: Context, request: Request) -> Reply:
    """Make the account that a mailed link is for, and sign it in.

    Needs the link and the password that was chosen.
    """
    body = bodies.read(VerifyRequest, await request.json(bodies.MAX_BYTES))
    caller = context.caller(request)
    account = await context.registration.confirm(body.token, body.password, ip_prefix=caller.ip_prefix)
    return await signed_in(
        context,
        request,
        account,
        caller=caller,
        remember=body.remember,
        binding_key=body.binding_secret,
        status=201,
    )


async def resend_verification(context: Context, request: Request) -> Reply:
    """Mail another link to the address of a pending registration."""
    body = bodies.read(EmailRequest, await request.json(bodies.MAX_BYTES))
    _, email_key = bodies.parse_email(body.email)
    await context.registration.resend(email_key, ip_prefix=context.ip_prefix(request))
    return Reply(202)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/register",
        register,
        name="register",
        body=Registration,
        done={201: "SignIn", 202: None},
        problems={
            401: "invalid-credentials, second-factor-required",
            403: "registration-closed",
            409: "email-taken",
            422: PASSWORD_PROBLEMS,
            429: "too-many-attempts",
        },
        cross_site=True,
        act="register",
        links={"SignIn": SIGN_IN_AGAIN},
    ),
    Endpoint(
        "POST",
        "/verify",
        verify,
        name="confirmRegistration",
        body=VerifyRequest,
        done={201: "SignIn"},
        problems={
            401: "invalid-credentials, second-factor-required",
            403: "not-offered",
            422: "invalid-link, password-too-long",
            429: "too-many-attempts",
        },
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/verify/resend",
        resend_verification,
        name="resendConfirmation",
        body=EmailRequest,
        done={202: None},
        problems={403: "not-offered", 429: "too-many-attempts"},
        cross_site=True,
    ),
)
