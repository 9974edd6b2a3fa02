"""The account of a caller: passwords, addresses, deletion.

    POST /password/forgot   202 for every address       POST /password         current + new → signed in anew
    POST /password/reset    link + new one → 204        POST /email            202 for every address
    GET  /me                the account                 POST /email/confirm    link → signed in anew
                                                        POST /account/delete   the password → 204

An account without a password (its owner signs in at a provider) is changed and deleted after a recent sign-in instead,
and gets a password by the mailed link of a reset.

Where the account has a second factor, all of these but the reset want a session that began with one, or was stepped up.
A reset removes no factor: the next sign-in asks for it.

Who changes the password or the address throws every device out, the copy of this one too: all sessions end, and the
answer begins a new one, under a new key.

`DELETE /account` is the same; proxies may drop the body of a DELETE (RFC 9110 §9.3.5), so clients use the POST. The
first two take no access token, so they are declared `cross_site`. Without mail, or with external users, what needs them
answers 403 `not-offered`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from gatepass.core.account import Account
from gatepass.core.authentication import BY_PASSWORD, MAX_METHODS, Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.hook_facts import HookFacts
from gatepass.core.principal import Principal
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden, InvalidCredentials
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import PASSWORD_PROBLEMS, Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in import signed_in
from gatepass.wire import bodies
from gatepass.wire.bodies import (
    DeleteAccountRequest,
    EmailChange,
    EmailConfirmation,
    EmailRequest,
    PasswordChange,
    PasswordReset,
)
from gatepass.wire.extra_members import Extras, read_with

_MAILING = {403: "not-offered", 429: "too-many-attempts"}
_CONFIRMED = {
    401: "insufficient-user-authentication",
    403: "invalid-credentials, not-offered",
    422: "password-too-long",
    429: "too-many-attempts",
}


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
        raise _wrong_password("The current password is wrong.") from None
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
    await _require_proof(context, request, account, body.password)
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
        raise _wrong_password() from None
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
    # The link proves a mailbox, and nobody was authenticated anew.
    return await _sign_in_anew(context, request, principal, binding_key=body.binding_secret, how=_as_before(principal))


async def get_account(context: Context, request: Request) -> Reply:
    """The account, and how it can be signed in to."""
    account = await context.account(context.principal(request))
    identities = await context.identities.list_for_account(account.id)
    return Reply(200, bodies.dump(bodies.me_json(account, identities=len(identities))))


async def delete_account(context: Context, request: Request) -> Reply:
    """Delete the account.

    Needs the password, or a recent sign-in if there is none.
    """
    principal = context.principal(request)
    body, extras = _read_deletion(await request.json(bodies.MAX_BYTES), context.hooks.models("delete"))
    context.accounts.require_local()
    account = await context.account(principal)
    if body is None and account.has_password:
        raise bodies.no_body("password")
    password = None if body is None else body.password
    await _require_proof(context, request, account, password)
    sid, ip_prefix = bytes.fromhex(principal.session_id), context.ip_prefix(request)
    try:
        if password is not None:
            await context.accounts.reauthenticate(account, password, sid=sid, ip_prefix=ip_prefix)
    except InvalidCredentials:
        raise _wrong_password() from None
    facts: HookFacts[Any] = HookFacts.of("delete", account, request=context.facts(request))
    await context.hooks.ask(facts, extras)
    is_deleted = await context.accounts.delete(
        account.id, credential_version=account.credential_version, ip_prefix=ip_prefix
    )
    if not is_deleted and await context.accounts.find(account.id) is not None:
        raise _changed_meanwhile()
    return Reply(204, cookies=[*context.refresh_cookies.clear(), *context.device_cookies.clear()])


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
        raise _changed_meanwhile() from None


def _read_deletion(raw: bytes, models: Sequence[type[BaseModel]]) -> tuple[DeleteAccountRequest | None, Extras]:
    """The body, None for none, and the added members. In a function of its own: crash reports show local variables."""
    body, extras = read_with(DeleteAccountRequest, raw or b"{}", models)
    return body if raw else None, extras


async def _require_proof(context: Context, request: Request, account: Account, password: Secret | None) -> None:
    """Raise unless the request brings what proves the owner: the password, or a recent sign-in if there is none.

    The session must have been signed in to with several factors, if the account has them.
    """
    if password is None and account.has_password:
        raise bodies.invalid_body({"password": "Field required"})
    if password is None:
        await context.owner(request)
    else:
        await context.require_assurance(context.principal(request))


def _by_password(principal: Principal) -> Authentication:
    """The password was verified just now, in a session that has the assurance that it had."""
    others = [method for method in principal.methods if method not in BY_PASSWORD.methods]
    return Authentication((*BY_PASSWORD.methods, *others)[:MAX_METHODS], principal.acr)


def _as_before(principal: Principal) -> Authentication:
    """How the caller had signed in. A session of an earlier version does not say by which methods."""
    methods = principal.methods or BY_PASSWORD.methods
    return Authentication(methods, principal.acr, principal.authenticated_at)


def _changed_meanwhile() -> Conflict:
    return Conflict(ProblemCode.PASSWORD_CHANGED, "The account was changed by another request meanwhile.")


def _wrong_password(detail: str = "The password is wrong.") -> Forbidden:
    """403, not 401: the access token holds, and a client must not answer this with a refresh."""
    return Forbidden(ProblemCode.INVALID_CREDENTIALS, detail)


_DELETE_ACCOUNT = Endpoint(
    "POST",
    "/account/delete",
    delete_account,
    name="deleteAccount",
    body=DeleteAccountRequest,
    done={204: None},
    problems={**_CONFIRMED, 409: "password-changed"},
    bearer=True,
    act="delete",
)
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
        problems=_CONFIRMED,
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
    _DELETE_ACCOUNT,
    replace(_DELETE_ACCOUNT, method="DELETE", path="/account", name="deleteAccountByMethod"),
)
