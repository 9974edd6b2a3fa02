"""A passkey for an account that must have a second factor to sign in and has none, with the ticket of its first step.

    POST /login/enrol/passkey/options   ticket → what the browser makes one by
    POST /login/enrol/passkey           ticket + what it made → 200, signed in, and the recovery codes

As with an app (`second_step`), the ticket is good for this only while there is no factor. A sign-in whose first step
was a passkey that has not verified its user enrols an app: another passkey is no second factor beside it.
"""

import hashlib
from dataclasses import replace

from gatepass.core.sign_in_ticket import SignInTicket
from gatepass.errors import Forbidden
from gatepass.factors.policy import HELD
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.second_step import enrolling, finish, open_ticket
from gatepass.wire import bodies
from gatepass.wire.factor_bodies import EnrolmentStart, PasskeyEnrolment


async def enrolment_options(context: Context, request: Request) -> Reply:
    """What the browser makes a passkey by, for an account that must have a second factor to sign in.

    It counts for five minutes, once, with this ticket.
    """
    body = bodies.read(EnrolmentStart, await request.json(bodies.MAX_TICKET_BYTES))
    context.passkeys.check_page(request.headers.one(b"origin"))
    context.limiter.passkey(context.ip_prefix(request))
    ticket = await open_ticket(context, body.ticket)
    account = await enrolling(context, ticket)
    _require_other(ticket)
    options = await context.passkeys.creation_options(account, session_id=_place_of(ticket))
    return Reply(200, bodies.dump(options))


async def enrol_passkey(context: Context, request: Request) -> Reply:
    """End that sign-in with the passkey that the browser has made. The answer has the recovery codes too."""
    body = bodies.read(PasskeyEnrolment, await request.json(bodies.MAX_PASSKEY_BYTES))
    facts = context.facts(request)
    context.limiter.passkey(facts.network)
    ticket = await open_ticket(context, body.ticket, binding_key=body.binding_secret)
    account = await enrolling(context, ticket)
    _require_other(ticket)
    passkey = await context.passkeys.add(
        account, body.response, name=body.name or "", session_id=_place_of(ticket), request=facts
    )
    # The account is in another state now, by these very steps and by no other.
    added = replace(account, credential_version=account.credential_version + 1)
    codes = await context.recovery_codes.renew(added, ip_prefix=facts.network)
    enrolled = replace(ticket, credential_version=ticket.credential_version + 2)
    shown = {"recovery_codes": [code.reveal() for code in codes]}
    return await finish(context, request, enrolled, ("swk" if passkey.is_backup_eligible else "hwk",), members=shown)


def _place_of(ticket: SignInTicket) -> str:
    """What a challenge belongs to in place of a session id, and of its form."""
    return hashlib.sha256(b"ticket" + ticket.key).hexdigest()[:32]


def _require_other(ticket: SignInTicket) -> None:
    if not HELD.isdisjoint(ticket.how.methods):
        raise Forbidden(ProblemCode.NOT_OFFERED, "Another passkey is no second factor: enrol an authenticator app.")


ENDPOINTS = (
    Endpoint(
        "POST",
        "/login/enrol/passkey/options",
        enrolment_options,
        name="startPasskeyEnrolmentAtSignIn",
        body=EnrolmentStart,
        done={200: "Document"},
        problems={400: "sign-in-expired", 403: "not-offered", 429: "too-many-attempts"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/enrol/passkey",
        enrol_passkey,
        name="enrolPasskeyAtSignIn",
        body=PasskeyEnrolment,
        done={200: "EnrolledSignIn"},
        problems={
            400: "challenge-expired, sign-in-expired",
            403: "not-offered",
            409: "passkey-taken, password-changed",
            422: "passkey-refused",
            429: "too-many-attempts",
        },
        cross_site=True,
        act="add_factor",
    ),
)
