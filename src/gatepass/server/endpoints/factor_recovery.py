"""Lost factors and no recovery code: removed after a waiting time, which a mail announces (`factors.recovery`).

    POST   /login/factor-recovery            ticket → 202: from when on they can be removed; a mail with a link
    POST   /login/factor-recovery/complete   after that, a new ticket + the link → 200, signed in without them
    POST   /factor-recovery/cancel           the link → 204: they stay
    DELETE /factor-recovery                  access token → 204: they stay

Both of the first need the ticket of a sign-in whose first step was right; that of a step-up is of a session, which may
be stolen, and counts for nothing here.
"""

from gatepass.core.binding import BindingKey
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import SignInTicket
from gatepass.errors import NotFound
from gatepass.oidc.partner import expired
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in import second_step
from gatepass.wire import answers, bodies
from gatepass.wire.factor_bodies import RecoveryCancellation, RecoveryEnd, RecoveryStart


async def start_recovery(context: Context, request: Request) -> Reply:
    """Ask for lost factors to be removed, after a waiting time.

    A link goes to the address of the account at once. Asking again restarts nothing.
    """
    body = bodies.read(RecoveryStart, await request.json(bodies.MAX_TICKET_BYTES))
    account = await second_step.account_of(context, await _ticket(context, body.ticket))
    recovery = await context.factor_recoveries.begin(account, request=context.facts(request))
    if recovery is None:
        raise expired()
    return Reply(202, bodies.dump(answers.recovery_json(recovery)))


async def complete_recovery(context: Context, request: Request) -> Reply:
    """Remove the lost factors, and sign in without them.

    All sessions of the account end. 401 `second-factor-required` asks for a new factor where one is required.
    """
    body = bodies.read(RecoveryEnd, await request.json(bodies.MAX_TICKET_BYTES))
    ticket = await _ticket(context, body.ticket, binding_key=body.binding_secret)
    account = await second_step.account_of(context, ticket)
    await context.factor_recoveries.complete(account, body.token, request=context.facts(request))
    return await second_step.finish_without(context, request, ticket)


async def cancel_by_link(context: Context, request: Request) -> Reply:
    """Keep the factors that were said to be lost, by the mailed link."""
    body = bodies.read(RecoveryCancellation, await request.json(bodies.MAX_BYTES))
    await context.factor_recoveries.cancel_by_link(body.token, ip_prefix=context.ip_prefix(request))
    return Reply(204)


async def cancel(context: Context, request: Request) -> Reply:
    """Keep the factors that were said to be lost, signed in.

    Any session does: an owner who stops a thief must be fast.
    """
    principal = context.principal(request)
    await request.json(bodies.MAX_BYTES)
    is_ended = await context.factor_resets.cancel_recovery(
        principal.account_id, by="session", ip_prefix=context.ip_prefix(request)
    )
    if not is_ended:
        raise NotFound("Nothing was asked for.")
    return Reply(204)


async def _ticket(context: Context, text: Secret, *, binding_key: BindingKey | None = None) -> SignInTicket:
    """The ticket of a sign-in. Raises as `open_ticket`, also for that of a step-up."""
    ticket = await second_step.open_ticket(context, text, binding_key=binding_key)
    if ticket.continues is not None:
        raise expired()
    return ticket


_EXPIRED = "sign-in-expired"
_NOT_HERE = "not-offered"
ENDPOINTS = (
    Endpoint(
        "POST",
        "/login/factor-recovery",
        start_recovery,
        name="startFactorRecovery",
        body=RecoveryStart,
        done={202: "FactorRecovery"},
        problems={400: _EXPIRED, 403: _NOT_HERE},
        cross_site=True,
        act="recover_factors",
    ),
    Endpoint(
        "POST",
        "/login/factor-recovery/complete",
        complete_recovery,
        name="completeFactorRecovery",
        body=RecoveryEnd,
        done={200: "SignIn"},
        problems={
            400: _EXPIRED,
            401: "second-factor-required",
            403: _NOT_HERE,
            409: "recovery-not-ready",
            422: "invalid-link",
        },
        cross_site=True,
        act="recover_factors",
    ),
    Endpoint(
        "POST",
        "/factor-recovery/cancel",
        cancel_by_link,
        name="cancelFactorRecoveryByLink",
        body=RecoveryCancellation,
        done={204: None},
        problems={403: _NOT_HERE, 422: "invalid-link"},
        cross_site=True,
    ),
    Endpoint(
        "DELETE",
        "/factor-recovery",
        cancel,
        name="cancelFactorRecovery",
        done={204: None},
        problems={404: "not-found"},
        bearer=True,
    ),
)
