"""Passkeys (WebAuthn): the owner's list, adding one, and signing in with one.

    GET    /passkeys           which there are         POST /passkeys/options        what the browser makes one by
    PATCH  /passkeys/{id}      name one → 204          POST /passkeys                what it made → 201
    DELETE /passkeys/{id}      remove one → 204        POST /login/passkey/options   what the browser signs in by
                                                       POST /login/passkey           what it signed → signed in

They are served where the gate has an RP id. The options are the JSON that browsers take as it is. A sign-in needs no
name, as the device knows which accounts it has, so the options are the same for all callers. With the ticket of a first
step it is the second one.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from gatepass.core import strict_json
from gatepass.core.secret import Secret
from gatepass.errors import InvalidCredentials, PasskeyRefused
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints.documents import CACHE
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in import second_step
from gatepass.server.sign_in.sign_in import signed_in
from gatepass.wire import answers, bodies
from gatepass.wire.extra_members import read_with
from gatepass.wire.factor_bodies import NewPasskey, PasskeyName, PasskeyOptions, PasskeySignIn


async def list_passkeys(context: Context, request: Request) -> Reply:
    """The passkeys of the account.

    Oldest first.
    """
    account = await context.account(context.principal(request))
    found = await context.passkeys.list_for_account(account.id)
    return Reply(200, bodies.dump({"passkeys": [answers.passkey_json(each) for each in found]}))


async def creation_options(context: Context, request: Request) -> Reply:
    """What the browser makes a passkey by: PublicKeyCredentialCreationOptionsJSON.

    It counts for five minutes, once, in this session.
    """
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    context.passkeys.check_page(request.headers.one(b"origin"))
    account = await context.account(principal)
    options = await context.passkeys.creation_options(account, session_id=principal.session_id)
    return Reply(200, bodies.dump(options))


async def add_passkey(context: Context, request: Request) -> Reply:
    """Add the passkey that the browser has made.

    `response` is its RegistrationResponseJSON. The owner is told by mail.
    """
    principal = await context.owner(request)
    body = bodies.read(NewPasskey, await request.json(bodies.MAX_PASSKEY_BYTES))
    added = await context.passkeys.add(
        await context.account(principal),
        body.response,
        name=body.name or "",
        session_id=principal.session_id,
        request=context.facts(request),
    )
    return Reply(201, bodies.dump(answers.passkey_json(added)))


async def rename_passkey(context: Context, request: Request) -> Reply:
    """Name a passkey.

    404 for one of another account, as for one that does not exist.
    """
    principal = context.principal(request)
    body = bodies.read(PasskeyName, await request.json(bodies.MAX_BYTES))
    account = await context.account(principal)
    await context.passkeys.rename(account.id, request.path_params["id"], name=body.name)
    return Reply(204)


async def remove_passkey(context: Context, request: Request) -> Reply:
    """Remove a passkey.

    404 for one of another account, as for one that does not exist. The owner is told by mail.
    """
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    account = await context.account(principal)
    await context.passkeys.remove(account.id, request.path_params["id"], request=context.facts(request))
    return Reply(204)


async def sign_in_options(context: Context, request: Request) -> Reply:
    """What the browser signs in by: PublicKeyCredentialRequestOptionsJSON.

    It counts for five minutes, once. With the ticket of a first step it names the passkeys of that account.
    """
    body = bodies.read(PasskeyOptions, await request.json(bodies.MAX_TICKET_BYTES) or b"{}")
    context.passkeys.check_page(request.headers.one(b"origin"))
    context.limiter.passkey(context.ip_prefix(request))
    if body.ticket is None:
        return Reply(200, bodies.dump(await context.passkeys.request_options()))
    ticket = await second_step.open_ticket(context, body.ticket)
    options = await context.passkeys.request_options(account_id=ticket.account_id, belongs_to=ticket.key)
    return Reply(200, bodies.dump(options))


async def sign_in(context: Context, request: Request) -> Reply:
    """Sign in with a passkey.

    `response` is the browser's AuthenticationResponseJSON. With the ticket of a first step it is the second one. The
    sessions whose cookies came with the request end as `replaced`.
    """
    raw = await request.json(bodies.MAX_PASSKEY_BYTES)
    body, extras = read_with(PasskeySignIn, raw, _added(context, raw))
    caller = context.caller(request)
    context.limiter.passkey(caller.ip_prefix)
    if body.ticket is not None:
        return await _second_step(context, request, body, body.ticket)
    shown = await context.passkeys.authenticate(body.response, ip_prefix=caller.ip_prefix)
    try:
        return await signed_in(
            context,
            request,
            shown.account,
            caller=caller,
            remember=body.remember,
            binding_key=body.binding_secret,
            how=shown.how,
            status=200,
            extras=extras,
        )
    except InvalidCredentials:  # the account has changed since it was read
        raise PasskeyRefused from None


async def _second_step(context: Context, request: Request, body: PasskeySignIn, text: Secret) -> Reply:
    """End the sign-in of a ticket. A key that was its first step is no second factor."""
    ticket = await second_step.open_ticket(context, text, binding_key=body.binding_secret)
    if "passkey" not in await context.second_factors.offered(ticket.account_id, ticket.how.methods):
        raise PasskeyRefused
    shown = await context.passkeys.authenticate(
        body.response,
        account_id=ticket.account_id,
        belongs_to=ticket.key,
        ip_prefix=context.ip_prefix(request),
    )
    return await second_step.finish(context, request, ticket, shown.how.methods)


def _added(context: Context, raw: bytes) -> Sequence[type[BaseModel]]:
    """The models that add members to a sign-in. A ticket has those of the first step."""
    try:
        given = strict_json.load(raw)
    except ValueError:
        given = None
    return () if isinstance(given, dict) and "ticket" in given else context.hooks.models("sign_in")


async def get_related_origins(context: Context, _request: Request) -> Reply:
    """The origins outside the RP id whose pages use its passkeys (WebAuthn L3 §5.11)."""
    return Reply(200, bodies.dump(context.passkeys.related_origins()), cache=CACHE, is_public=True)


_NOT_HERE = "not-offered"
_OVER = {400: "challenge-expired"}
ENDPOINTS = (
    Endpoint(
        "GET",
        "/passkeys",
        list_passkeys,
        name="listPasskeys",
        done={200: "Passkeys"},
        bearer=True,
        links={
            "RenamePasskey": {"operationId": "renamePasskey", "parameters": {"id": "$response.body#/passkeys/0/id"}},
            "RemovePasskey": {"operationId": "removePasskey", "parameters": {"id": "$response.body#/passkeys/0/id"}},
        },
    ),
    Endpoint(
        "POST",
        "/passkeys/options",
        creation_options,
        name="startPasskey",
        done={200: "Document"},
        problems={403: _NOT_HERE, 409: "too-many-passkeys"},
        recent=True,
    ),
    Endpoint(
        "POST",
        "/passkeys",
        add_passkey,
        name="addPasskey",
        body=NewPasskey,
        done={201: "Passkey"},
        problems={**_OVER, 409: "passkey-taken, too-many-passkeys, password-changed", 422: "passkey-refused"},
        recent=True,
    ),
    Endpoint(
        "PATCH",
        "/passkeys/{id}",
        rename_passkey,
        name="renamePasskey",
        body=PasskeyName,
        done={204: None},
        problems={404: "not-found"},
        bearer=True,
    ),
    Endpoint(
        "DELETE",
        "/passkeys/{id}",
        remove_passkey,
        name="removePasskey",
        done={204: None},
        problems={404: "not-found", 409: "last-way-in"},
        recent=True,
    ),
    Endpoint(
        "POST",
        "/login/passkey/options",
        sign_in_options,
        name="startPasskeySignIn",
        body=PasskeyOptions,
        done={200: "Document"},
        problems={400: "sign-in-expired", 403: _NOT_HERE, 429: "too-many-attempts"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/passkey",
        sign_in,
        name="signInWithPasskey",
        body=PasskeySignIn,
        done={200: "SignIn"},
        problems={
            400: "challenge-expired, sign-in-expired",
            401: "passkey-refused, unknown-credential, second-factor-required",
            429: "too-many-attempts",
        },
        cross_site=True,
        act="sign_in",
    ),
)
AROUND = (
    Endpoint(
        "GET",
        "/.well-known/webauthn",
        get_related_origins,
        name="getRelatedOrigins",
        done={200: "Document"},
        stateless=True,
    ),
)
"""Served outside the mount by `gatepass serve` alone, where there are related origins."""
