"""Passkeys (WebAuthn): the owner's list, adding one, and signing in with one.

    GET    /passkeys           which there are         POST /passkeys/options        what the browser makes one by
    PATCH  /passkeys/{id}      name one → 204          POST /passkeys                what it made → 201
    DELETE /passkeys/{id}      remove one → 204        POST /login/passkey/options   what the browser signs in by
                                                       POST /login/passkey           what it signed → signed in

They are served where the gate has an RP id. The options are the JSON that browsers take as it is. A sign-in needs no
name, as the device knows which accounts it has, so the options are the same for everybody.
"""

from gatepass.errors import InvalidCredentials, PasskeyRefused
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in import signed_in
from gatepass.wire import bodies
from gatepass.wire.bodies import NewPasskey, PasskeyName, PasskeySignIn
from gatepass.wire.extra_members import read_with


async def list_passkeys(context: Context, request: Request) -> Reply:
    """The passkeys of the account.

    Oldest first.
    """
    account = await context.account(context.principal(request))
    found = await context.passkeys.list_for_account(account.id)
    return Reply(200, bodies.dump({"passkeys": [bodies.passkey_json(each) for each in found]}))


async def creation_options(context: Context, request: Request) -> Reply:
    """What the browser makes a passkey by: PublicKeyCredentialCreationOptionsJSON.

    It counts for five minutes, once, in this session.
    """
    principal = context.recent_principal(request)
    await request.json(bodies.MAX_BYTES)
    context.passkeys.check_page(request.headers.one(b"origin"))
    account = await context.account(principal)
    options = await context.passkeys.creation_options(account, session_id=principal.session_id)
    return Reply(200, bodies.dump(options))


async def add_passkey(context: Context, request: Request) -> Reply:
    """Add the passkey that the browser has made.

    `response` is its RegistrationResponseJSON. The owner is told by mail.
    """
    principal = context.recent_principal(request)
    body = bodies.read(NewPasskey, await request.json(bodies.MAX_PASSKEY_BYTES))
    account, caller = await context.account(principal), context.caller(request)
    added = await context.passkeys.add(
        account,
        body.response,
        name=body.name or "",
        session_id=principal.session_id,
        client=caller.client,
        ip_prefix=caller.ip_prefix,
    )
    return Reply(201, bodies.dump(bodies.passkey_json(added)))


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
    principal = context.recent_principal(request)
    await request.json(bodies.MAX_BYTES)
    account = await context.account(principal)
    await context.passkeys.remove(account.id, request.path_params["id"], ip_prefix=context.ip_prefix(request))
    return Reply(204)


async def sign_in_options(context: Context, request: Request) -> Reply:
    """What the browser signs in by: PublicKeyCredentialRequestOptionsJSON.

    It counts for five minutes, once.
    """
    await request.json(bodies.MAX_BYTES)
    context.passkeys.check_page(request.headers.one(b"origin"))
    context.limiter.passkey(context.ip_prefix(request))
    return Reply(200, bodies.dump(await context.passkeys.request_options()))


async def sign_in(context: Context, request: Request) -> Reply:
    """Sign in with a passkey.

    `response` is the browser's AuthenticationResponseJSON. The sessions whose cookies came with the request end as
    `replaced`.
    """
    models = context.hooks.models("sign_in")
    body, extras = read_with(PasskeySignIn, await request.json(bodies.MAX_PASSKEY_BYTES), models)
    caller = context.caller(request)
    context.limiter.passkey(caller.ip_prefix)
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
        done={200: "Document"},
        problems={403: _NOT_HERE, 429: "too-many-attempts"},
        cross_site=True,
    ),
    Endpoint(
        "POST",
        "/login/passkey",
        sign_in,
        name="signInWithPasskey",
        body=PasskeySignIn,
        done={200: "SignIn"},
        problems={**_OVER, 401: "passkey-refused, unknown-credential", 429: "too-many-attempts"},
        cross_site=True,
        act="sign_in",
    ),
)
