"""The second step of a sign-in, and a session that is stepped up (RFC 9470).

    POST /login          the password of an account with a second factor → 401 second-factor-required: methods, ticket
    POST /login/totp     ticket + code of an authenticator app → 200, signed in
    POST /login/recovery ticket + recovery code → 200, signed in
    POST /login/ticket   the ticket of a sign-in at a provider, which waits in a cookie of this browser
    POST /step-up        access token → 200: methods and a ticket; the same endpoints end it

Where an account must have a second factor and its time to enrol is over, the ticket is good for that alone:

    POST /login/enrol          ticket → the secret of an authenticator app
    POST /login/enrol/confirm  ticket + its first code → 200, signed in, and the recovery codes

A ticket that is not accepted gets one answer, whatever is wrong with it; so does a code. With a passkey: `passkeys`,
and `passkey_enrolment`; without any of them: `factor_recovery`.
"""

from dataclasses import replace

from gatepass.core.account import Account
from gatepass.core.assurance import is_multi_factor
from gatepass.core.authentication import BY_PASSWORD, Authentication
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import TICKET_TTL, SignInTicket
from gatepass.errors import Forbidden, Problem
from gatepass.oidc.partner import expired
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.second_step import account_of, enrolling, finish, open_ticket
from gatepass.wire import answers, bodies
from gatepass.wire.factor_bodies import EnrolmentStart, SecondStep, StepUp

BY_TOTP = ("otp",)
BY_RECOVERY_CODE = ("recovery",)
"""No name of RFC 8176: a code from paper is none that a device has made."""


async def by_totp(context: Context, request: Request) -> Reply:
    """End a sign-in with a code of an authenticator app."""
    code, ticket, account = await _opened(context, request)
    await context.totps.verify(
        account, code, ip_prefix=context.ip_prefix(request), devices=_devices(context, request, ticket)
    )
    return await finish(context, request, ticket, BY_TOTP)


async def by_recovery_code(context: Context, request: Request) -> Reply:
    """End a sign-in with a recovery code, which is used up."""
    code, ticket, account = await _opened(context, request)
    await context.recovery_codes.use(
        account, code, ip_prefix=context.ip_prefix(request), devices=_devices(context, request, ticket)
    )
    return await finish(context, request, ticket, BY_RECOVERY_CODE)


async def take_ticket(context: Context, request: Request) -> Reply:
    """Take the ticket of a sign-in at a provider that needs a second step.

    The browser was sent back with `gatepass_error=second-factor-required`, and carries the ticket in a cookie.
    """
    await request.json(bodies.MAX_BYTES)
    text, gone = context.errands.take_ticket(request)
    try:
        if text is None:
            raise expired()
        ticket = await open_ticket(context, text)
        methods = await context.second_factors.needed(await account_of(context, ticket), ticket.how)
        if not methods:
            raise expired()
    except Problem as problem:
        return Reply.of(problem, cookies=gone)
    left = ticket.expires_at - context.clock.now()
    return Reply(200, bodies.dump(answers.ticket_json(text, methods=methods, expires_in=left)), cookies=gone)


async def step_up(context: Context, request: Request) -> Reply:
    """Ask for another factor of the account, for the session of the access token.

    What ends it begins a new session in place of that one.
    """
    principal = context.principal(request)
    raw = await request.json(bodies.MAX_BYTES)
    body = bodies.read(StepUp, raw) if raw else StepUp()
    account, own = await context.account(principal), bytes.fromhex(principal.session_id)
    # A session of several factors is stepped up for being old: then one of its factors is as good as another.
    had = () if is_multi_factor(principal.methods, principal.acr) else principal.methods
    methods = await context.second_factors.offered(account.id, had)
    if not methods:
        raise Forbidden(ProblemCode.NO_SECOND_FACTOR, "The account has no second factor; enrol one first.")
    ticket = context.tickets.seal(
        account,
        Authentication(principal.methods or BY_PASSWORD.methods, principal.acr),
        remember=await context.sessions.is_remembered(own),
        binding_key=body.binding_secret,
        continues=own,
        through=await context.sessions.provider_sign_in(own),
    )
    return Reply(200, bodies.dump(answers.ticket_json(ticket, methods=methods, expires_in=TICKET_TTL)))


async def enrol(context: Context, request: Request) -> Reply:
    """Begin to enrol an authenticator app, for an account that must have a second factor to sign in."""
    body = bodies.read(EnrolmentStart, await request.json(bodies.MAX_TICKET_BYTES))
    account = await enrolling(context, await open_ticket(context, body.ticket))
    setup = await context.totps.start(account, request=context.facts(request))
    return Reply(200, bodies.dump(answers.totp_json(setup.secret, uri=setup.uri, qr=setup.qr)))


async def confirm_enrolment(context: Context, request: Request) -> Reply:
    """End that sign-in with the first code of the app. The answer has the recovery codes too."""
    body = bodies.read(SecondStep, await request.json(bodies.MAX_TICKET_BYTES))
    ticket = await open_ticket(context, body.ticket, binding_key=body.binding_secret)
    account = await enrolling(context, ticket)
    codes = await context.totps.confirm(account, body.code, ip_prefix=context.ip_prefix(request))
    # The account is in another state now, by this very step and by no other.
    enrolled = replace(ticket, credential_version=ticket.credential_version + 1)
    shown = {"recovery_codes": [code.reveal() for code in codes]}
    return await finish(context, request, enrolled, BY_TOTP, members=shown)


async def _opened(context: Context, request: Request) -> tuple[Secret, SignInTicket, Account]:
    """The code that was typed, the ticket that came with it, and its account. Raises as `open_ticket`."""
    body = bodies.read(SecondStep, await request.json(bodies.MAX_TICKET_BYTES))
    ticket = await open_ticket(context, body.ticket, binding_key=body.binding_secret)
    return body.code, ticket, await account_of(context, ticket)


def _devices(context: Context, request: Request, ticket: SignInTicket) -> tuple[bytes, ...]:
    """The sessions that the caller is known to have: a code that it mistypes is counted for it alone."""
    own = [] if ticket.continues is None else [bytes.fromhex(ticket.continues)]
    return (*own, *context.refresh_cookies.sids_of(request))


_ENDED = {400: "sign-in-expired", 401: "invalid-code", 429: "too-many-attempts"}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/login/totp",
        by_totp,
        name="signInByTotp",
        body=SecondStep,
        done={200: "SignIn"},
        problems=_ENDED,
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/recovery",
        by_recovery_code,
        name="signInByRecoveryCode",
        body=SecondStep,
        done={200: "SignIn"},
        problems=_ENDED,
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/ticket",
        take_ticket,
        name="takeTicket",
        done={200: "Ticket"},
        problems={400: "sign-in-expired"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/step-up",
        step_up,
        name="stepUp",
        body=StepUp,
        done={200: "Ticket"},
        problems={403: "no-second-factor"},
        bearer=True,
    ),
    Endpoint(
        "POST",
        "/login/enrol",
        enrol,
        name="enrolAtSignIn",
        body=EnrolmentStart,
        done={200: "TotpSecret"},
        problems={400: "sign-in-expired", 409: "factor-exists, password-changed"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/enrol/confirm",
        confirm_enrolment,
        name="confirmEnrolmentAtSignIn",
        body=SecondStep,
        done={200: "EnrolledSignIn"},
        problems={**_ENDED, 409: "factor-exists, totp-not-started, password-changed"},
        cross_site=True,
    ),
)
