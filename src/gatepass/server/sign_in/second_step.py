"""The second step of a sign-in: a ticket and another factor in, a session out. Every way in comes through `finish`.

    ticket = await second_step.open_ticket(context, body.ticket, binding_key=body.binding_secret)
    …                                                       the factor is verified, of ticket.account_id
    return await second_step.finish(context, request, ticket, ("otp",))

A step-up ends here too: its ticket continues the session that asked for it, and the new one takes its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ValidationError

from gatepass.core.account import Account
from gatepass.core.assurance import MFA
from gatepass.core.authentication import MAX_METHODS, Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import SignInTicket
from gatepass.oidc.partner import expired
from gatepass.server.context import Context
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.sign_in import Begun, begin, reply_of
from gatepass.wire.extra_members import NO_EXTRAS, Extras, read_kept

_NO_MEMBERS: Mapping[str, object] = {}


async def open_ticket(context: Context, text: Secret, *, binding_key: BindingKey | None = None) -> SignInTicket:
    """The ticket, if it may still lead to a session: in time, of an account as it was, of a session that goes on.

    `binding_key` is what the client offers now: that of the first step, or any if it offered none there. Without it the
    session is bound to the first step's. Raises BadRequest (`sign-in-expired`), one answer for all that is wrong.
    """
    ticket = context.tickets.open(text)
    if ticket is None:
        raise expired()
    await account_of(context, ticket)
    if binding_key is not None:
        if ticket.binding_key is not None and ticket.binding_key.binding != binding_key.binding:
            raise expired()
        ticket = replace(ticket, binding_key=binding_key)
    if ticket.continues is not None and not await context.sessions.is_live(ticket.account_id, ticket.continues):
        raise expired()
    return ticket


async def finish(
    context: Context,
    request: Request,
    ticket: SignInTicket,
    methods: Sequence[str],
    *,
    members: Mapping[str, object] = _NO_MEMBERS,
) -> Reply:
    """Begin the session of a ticket whose second factor has been verified, and use the ticket up.

    `methods` are those of the second step (RFC 8176); the session has them beside those of the first, and `mfa`.
    `members` are added to the answer. Raises BadRequest (`sign-in-expired`), or as `sign_in.begin`.
    """
    account = await account_of(context, ticket)
    if not await context.tickets.use(ticket):
        raise expired()
    begun = await _begin(context, request, account, ticket, how=_raised(ticket.how, methods))
    if ticket.continues is not None and not await context.sessions.was_replaced(ticket.continues):
        # The owner ended the session while it was stepped up.
        await context.sessions.revoke(begun.grant.session.sid, reason="revoked", ip_prefix=context.ip_prefix(request))
        raise expired()
    return reply_of(context, request, begun, status=200, members=members)


async def finish_without(context: Context, request: Request, ticket: SignInTicket) -> Reply:
    """Begin the session of a ticket whose account has lost its factors since, with the first step alone.

    The change of the account has used the ticket up. Raises SecondFactorRequired (`enrol`) at once, whatever the time
    to enrol, where the account must have a second factor; BadRequest (`sign-in-expired`), or as `sign_in.begin`.
    """
    account = await context.accounts.find(ticket.account_id)
    if account is None or account.disabled_at is not None:
        raise expired()
    await context.second_factors.require_now(account)
    return reply_of(context, request, await _begin(context, request, account, ticket, how=ticket.how), status=200)


async def _begin(
    context: Context, request: Request, account: Account, ticket: SignInTicket, *, how: Authentication
) -> Begun:
    begun = await begin(
        context,
        request,
        account,
        caller=context.caller(request),
        remember=ticket.remember,
        binding_key=ticket.binding_key,
        how=how,
        replacing=[bytes.fromhex(sid) for sid in ticket.replaces],
        continues=None if ticket.continues is None else bytes.fromhex(ticket.continues),
        through=ticket.through,
        extras=_extras(context, ticket),
    )
    if begun is None:
        raise expired()
    return begun


async def account_of(context: Context, ticket: SignInTicket) -> Account:
    """The account of a ticket, as the first step found it. Raises BadRequest (`sign-in-expired`) if it has changed."""
    account = await context.accounts.find(ticket.account_id)
    if account is None or account.disabled_at is not None:
        raise expired()
    if account.credential_version != ticket.credential_version:
        raise expired()
    return account


async def enrolling(context: Context, ticket: SignInTicket) -> Account:
    """The account of a ticket that is good for enrolling. Raises BadRequest (`sign-in-expired`) for any other."""
    account = await account_of(context, ticket)
    if ticket.continues is not None or await context.second_factors.needed(account, ticket.how) != ("enrol",):
        raise expired()
    return account


def _raised(how: Authentication, methods: Sequence[str]) -> Authentication:
    """How the person was authenticated in both steps: just now, with several factors."""
    both = [method for method in dict.fromkeys((*how.methods, *methods)) if method != MFA]
    return Authentication((*both[: MAX_METHODS - 1], MFA), how.acr or MFA)


def _extras(context: Context, ticket: SignInTicket) -> Extras:
    """The members that the application added to the first request, for its hooks."""
    models: Sequence[type[BaseModel]] = context.hooks.models("sign_in")
    if not models or not ticket.extra:
        return NO_EXTRAS
    try:
        return Extras({model: read_kept(model, ticket.extra) for model in models})
    except ValidationError:  # of another version of the application
        raise expired() from None
