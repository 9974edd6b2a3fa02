"""The identities by which an account is signed in to at a provider.

    GET    /identities          which there are           DELETE /identities/{id}   unlink one → 204

One is added by a sign-in at its provider (`oidc`), from a session that began just now. To unlink one needs a recent
sign-in too, and ends the sessions that began with it, but not the caller's own. The last way in stays: 409.
"""

from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import answers, bodies


async def list_identities(context: Context, request: Request) -> Reply:
    """The identities that sign in to the account.

    Oldest first.
    """
    account = await context.account(context.principal(request))
    found = await context.identities.list_for_account(account.id)
    return Reply(200, bodies.dump({"identities": [answers.identity_json(each) for each in found]}))


async def unlink_identity(context: Context, request: Request) -> Reply:
    """Unlink an identity.

    404 for one of another account, as for one that does not exist.
    """
    principal = await context.owner(request)
    await request.json(bodies.MAX_BYTES)
    account = await context.account(principal)
    await context.identities.unlink(
        account.id, request.path_params["id"], keep=principal.session_id, ip_prefix=context.ip_prefix(request)
    )
    return Reply(204)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/identities",
        list_identities,
        name="listIdentities",
        done={200: "Identities"},
        bearer=True,
        links={
            "UnlinkIdentity": {"operationId": "unlinkIdentity", "parameters": {"id": "$response.body#/identities/0/id"}}
        },
    ),
    Endpoint(
        "DELETE",
        "/identities/{id}",
        unlink_identity,
        name="unlinkIdentity",
        done={204: None},
        problems={404: "not-found", 409: "last-way-in"},
        recent=True,
    ),
)
