"""The account of a caller: passwords, addresses. Its end is in `account_deletion`.

    POST /password/forgot   202 for every address       POST /password         current + new → signed in anew
    POST /password/reset    link + new one → 204        POST /email            202 for every address
    GET  /me                the account                 POST /email/confirm    link → signed in anew

An account without a password (its owner signs in at a provider) is changed after a recent sign-in instead, and gets a
password by the mailed link of a reset.

Where the account has a second factor, all of these but the reset want a session that began with one, or was stepped up.
A reset removes no factor: the next sign-in asks for it.

A new password or address ends every session of the account, a copy of this one too, and the
answer begins a new one, under a new key.

The first two take no access token, so they are declared `cross_site`. Without mail, or with external users, what needs
them answers 403 `not-offered`.
"""

from gatepass.core.authentication import BY_PASSWORD, MAX_METHODS, Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.principal import Principal
from gatepass.errors import InvalidCredentials
from gatepass.server.context import Context
from gatepass.server.endpoint import PASSWORD_PROBLEMS, Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.owner_proof import PROOF_PROBLEMS, changed_meanwhile, require_proof, wrong_password
from gatepass.server.sign_in.sign_in import signed_in
from gatepass.wire import answers, bodies
from gatepass.wire.bodies import (
    EmailChange,
    EmailConfirmation,
    EmailRequest,
    PasswordChange,
    PasswordReset,
)
from gatepass.wire.extra_members import read_with

_MAILING = {403: "not-offered", 429: "too-many-attempts"}


async def forgot_password(context: Context, request: Request) -> Reply:
    """Mail a link to set a new password."""
    body = bodies.read(EmailRequest, await request.json(bodies.MAX_BYTES))
    _, email_key = bodies.parse_email(body.email)
    await context.password_reset.request(email_key, ip_prefix=context.ip_prefix(request))
    return Reply(202)


async def reset_password(context: Context, request: Request) -> Reply:
    """Set a new password by a mailed link; every session ends.

    The reply starts no session: the owner signs in with the new password.
    """
    body = bodies.read(PasswordReset, await request.json(bodies.MAX_BYTES))
    await context.password_reset.reset(body.token, body.new, ip_prefix=context.ip_prefix(request))
    return Reply(204)


async def change_password(context: Context, request: Request) -> Reply:
    """Change the password; every session ends, and a new one begins in this answer.

    Needs the current one.
    """
    principal = context.principal(request)
    body = bodies.read(PasswordChange, await request.json(bodies.MAX_BYTES))
    account = await context.account(principal)
    await context.require_assurance(principal)
    try:
        await context.accounts.change_password(
            account,
            body.current,
            new=body.new,
            sid=bytes.fromhex(principal.session_id),
            ip_prefix=context.ip_prefix(request),
        )
    except InvalidCredentials:
        raise wrong_password("The current password is wrong.") from None
    return await _sign_in_anew(
        context, request, principal, binding_key=body.binding_secret, how=_by_password(principal)
    )


async def change_email(context: Context, request: Request) -> Reply:
    """Ask for another address; a link goes there.

    Needs the password, or a recent sign-in if there is none. The account keeps its address until the link comes back.
    """
    principal = context.principal(request)
    models = context.hooks.models("change_email")
    body, extras = read_with(EmailChange, await request.json(bodies.MAX_BYTES), models)
    email, email_key = bodies.parse_email(body.email)
    account = await context.account(principal)
    await require_proof(context, request, account, body.password)
    try:
        await context.email_change.request(
            account,
            body.password,
            sid=bytes.fromhex(principal.session_id),
            email=email,
            email_key=email_key,
            ip_prefix=context.ip_prefix(request),
            request=context.facts(request),
            extras=extras,
        )
    except InvalidCredentials:
        raise wrong_password() from None
    return Reply(202)


async def confirm_email(context: Context, request: Request) -> Reply:
    """Take the address that a mailed link confirms; every session ends, and a new one begins in this answer.

    Needs an access token of the account that asked for it. 204 if the account has the address already: nothing changes.
    """
    principal = context.principal(request)
    body = bodies.read(EmailConfirmation, await request.json(bodies.MAX_BYTES))
    account = await context.account(principal)
    ip_prefix = context.ip_prefix(request)
    is_changed = await context.email_change.confirm(
        account, body.token, ip_prefix=ip_prefix, email_key=bodies.email_key
    )
    if not is_changed:
        return Reply(204)
    # The link proves a mailbox; it is no new authentication.
    return await _sign_in_anew(context, request, principal, binding_key=body.binding_secret, how=_as_before(principal))


async def get_account(context: Context, request: Request) -> Reply:
    """The account, and how it can be signed in to."""
    account = await context.account(context.principal(request))
    identities = await context.identities.list_for_account(account.id)
    return Reply(200, bodies.dump(answers.me_json(account, identities=len(identities))))


async def _sign_in_anew(
    context: Context, request: Request, principal: Principal, *, binding_key: BindingKey | None, how: Authentication
) -> Reply:
    """Begin a session in place of the caller's own, as lasting as that one was."""
    own = bytes.fromhex(principal.session_id)
    account = await context.account(principal)
    remember = await context.sessions.is_remembered(own)
    try:
        return await signed_in(
            context,
            request,
            account,
            caller=context.caller(request),
            remember=remember,
            binding_key=binding_key,
            how=how,
            status=200,
            continues=own,
        )
    except InvalidCredentials:
        raise changed_meanwhile() from None


def _by_password(principal: Principal) -> Authentication:
    """The password was verified just now, in a session that has the assurance that it had."""
    others = [method for method in principal.methods if method not in BY_PASSWORD.methods]
    return Authentication((*BY_PASSWORD.methods, *others)[:MAX_METHODS], principal.acr)


def _as_before(principal: Principal) -> Authentication:
    """How the caller had signed in. A session of an earlier version does not say by which methods."""
    methods = principal.methods or BY_PASSWORD.methods
    return Authentication(methods, principal.acr, principal.authenticated_at)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/password/forgot",
        forgot_password,
        name="forgotPassword",
        body=EmailRequest,
        done={202: None},
        problems=_MAILING,
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/password/reset",
        reset_password,
        name="resetPassword",
        body=PasswordReset,
        done={204: None},
        problems={403: "not-offered", 422: f"invalid-link, {PASSWORD_PROBLEMS}", 429: "too-many-attempts"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/password",
        change_password,
        name="changePassword",
        body=PasswordChange,
        done={200: "SignIn"},
        problems={
            401: "insufficient-user-authentication",
            403: "invalid-credentials, not-offered",
            409: "password-changed",
            422: PASSWORD_PROBLEMS,
            429: "too-many-attempts",
        },
        bearer=True,
    ),
    Endpoint(
        "POST",
        "/email",
        change_email,
        name="changeEmail",
        body=EmailChange,
        done={202: None},
        problems=PROOF_PROBLEMS,
        bearer=True,
        act="change_email",
    ),
    Endpoint(
        "POST",
        "/email/confirm",
        confirm_email,
        name="confirmEmail",
        body=EmailConfirmation,
        done={200: "SignIn", 204: None},
        problems={403: "not-offered", 409: "password-changed", 422: "invalid-link"},
        bearer=True,
    ),
    Endpoint("GET", "/me", get_account, name="getAccount", done={200: "Me"}, bearer=True),
)
