"""Where every session begins: one function, whichever way the person was authenticated.

    password, registration, verified link, new password     server/endpoints   → `signed_in`, the reply
    the application's own way                               server/door/door.py     → `begin`, onto its own response
    a provider (OpenID Connect)                             server/endpoints   → `begin`, onto a redirect
    the second step of any of these                         server/sign_in     → `begin`, the reply

An account that has a second factor, or must have one, gets no session for one factor: `begin` raises
SecondFactorRequired with a ticket for what it was called with. It ends what the new session replaces, and makes what
the client gets: the JSON of the grant, and the cookies.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.core.account import Account
from gatepass.core.assurance import is_multi_factor
from gatepass.core.authentication import BY_PASSWORD, Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.event import SecondFactorAsked
from gatepass.core.hook_facts import HookFacts
from gatepass.core.identity import ProviderSignIn
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.errors import InvalidCredentials, SecondFactorRequired
from gatepass.server.context import Context
from gatepass.server.http import Reply, Request
from gatepass.sessions.service import Caller
from gatepass.sessions.tokens import Grant
from gatepass.wire import answers, bodies
from gatepass.wire.extra_members import NO_EXTRAS, Extras

_NO_MEMBERS: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun, and what its client gets. `cookies` are Set-Cookie values."""

    grant: Grant = field(repr=False)
    account: Account
    cookies: list[str] = field(repr=False)

    def json(self) -> dict[str, object]:
        """The body of the answer."""
        return {**grant_json(self.grant), "account": answers.account_json(self.account)}


async def begin(
    context: Context,
    request: Request,
    account: Account,
    *,
    caller: Caller,
    remember: bool,
    binding_key: BindingKey | None,
    how: Authentication = BY_PASSWORD,
    replacing: Collection[bytes] = (),
    continues: bytes | None = None,
    through: ProviderSignIn | None = None,
    extras: Extras = NO_EXTRAS,
    is_vouched: bool = False,
    asks_second: bool = True,
) -> Begun | None:
    """Begin a session in place of those whose cookies came with the request, and of `replacing`.

    The hooks of the application are asked before and told afterwards; not where the session of the caller `continues`
    in the new one, after a change of the password or the address or a step-up: that is no sign-in, and no second factor
    is asked for. With `asks_second` False none is in any case.

    `is_vouched`: the application has brought its user, so nothing is asked of its `find` (`Accounts.is_still`).

    `through` is the sign-in at a provider. None as `Sessions.sign_in` says; then nothing has changed. Raises
    SecondFactorRequired, or as `Hooks.ask`, which is asked at the last step alone.
    """
    ending = context.refresh_cookies.sids_of(request).union(replacing)
    if continues is None and asks_second and (methods := await context.second_factors.needed(account, how)):
        kept = extras.kept_for(context.hooks.models("sign_in")) or ("{}" if extras.by_model else "")
        ticket = context.tickets.seal(
            account,
            how,
            remember=remember,
            binding_key=binding_key,
            replaces=ending,
            through=through,
            extra=kept,
        )
        now, where = context.clock.now(), caller.ip_prefix
        context.report(SecondFactorAsked(at=now, address=where, account_id=account.id, methods=" ".join(methods)))
        raise SecondFactorRequired(methods, ticket=ticket.reveal(), expires_in=TICKET_TTL)
    facts: HookFacts[Any] = HookFacts.of(
        "sign_in",
        account,
        request=context.facts(request),
        methods=how.methods,
        provider=None if through is None else through.provider,
    )
    if continues is None:
        await context.hooks.ask(facts, extras)
    if is_multi_factor(how.methods, how.acr):  # the owner has not lost them
        await context.factor_resets.cancel_recovery(account.id, by="sign-in", ip_prefix=caller.ip_prefix)
    grant = await context.sessions.sign_in(
        account,
        caller=caller,
        remember=remember,
        binding_key=binding_key,
        how=how,
        replacing=ending if continues is None else ending | {continues},
        through=through,
    )
    if grant is None:
        return None
    if not is_vouched and not await _is_still(context, grant, account):
        return None
    if continues is None:
        await context.hooks.tell(facts, extras)
    return Begun(grant, account, context.refresh_cookies.issue(grant))


async def _is_still(context: Context, grant: Grant, account: Account) -> bool:
    """Whether the person is as before, now that the session has begun. Else, and if that cannot be told, it ends."""
    is_same = False
    try:
        is_same = await context.accounts.is_still(account)
        return is_same
    finally:
        if not is_same:
            sid = grant.session.sid
            await context.sessions.revoke(sid, reason="revoked", ip_prefix=grant.session.last_ip_prefix)


async def signed_in(
    context: Context,
    request: Request,
    account: Account,
    *,
    caller: Caller,
    remember: bool,
    binding_key: BindingKey | None,
    status: int,
    how: Authentication = BY_PASSWORD,
    continues: bytes | None = None,
    extras: Extras = NO_EXTRAS,
) -> Reply:
    """As `begin`: the reply of an endpoint, with this status. Raises InvalidCredentials where `begin` returns None."""
    begun = await begin(
        context,
        request,
        account,
        caller=caller,
        remember=remember,
        binding_key=binding_key,
        how=how,
        continues=continues,
        extras=extras,
    )
    if begun is None:
        raise InvalidCredentials
    return reply_of(context, request, begun, status=status)


def reply_of(
    context: Context, request: Request, begun: Begun, *, status: int, members: Mapping[str, object] = _NO_MEMBERS
) -> Reply:
    """The reply of an endpoint that has begun a session, with `members` beside those of the grant."""
    return Reply(
        status,
        bodies.dump({**begun.json(), **members}),
        headers=context.device_cookies.offer(request, begun.grant.session.sid),
        cookies=begun.cookies,
    )


def grant_json(grant: Grant) -> dict[str, object]:
    """A grant as the body of an answer."""
    return {
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in,
        "session_id": grant.session.sid.hex(),
        "refresh_generation": grant.token.generation,
        "refresh_challenge": grant.token.challenge,
    }
