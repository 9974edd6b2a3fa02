"""The end of an account, by its owner.

POST   /account/delete   the password → 204
DELETE /account          the same; proxies may drop the body of a DELETE (RFC 9110 §9.3.5), so clients use the POST
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from gatepass.core.hook_facts import HookFacts
from gatepass.errors import InvalidCredentials
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.owner_proof import PROOF_PROBLEMS, changed_meanwhile, require_proof, wrong_password
from gatepass.wire import bodies
from gatepass.wire.bodies import DeleteAccountRequest
from gatepass.wire.extra_members import Extras, read_with


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
    await require_proof(context, request, account, password)
    sid, ip_prefix = bytes.fromhex(principal.session_id), context.ip_prefix(request)
    try:
        if password is not None:
            await context.accounts.reauthenticate(account, password, sid=sid, ip_prefix=ip_prefix)
    except InvalidCredentials:
        raise wrong_password() from None
    facts: HookFacts[Any] = HookFacts.of("delete", account, request=context.facts(request))
    await context.hooks.ask(facts, extras)
    is_deleted = await context.accounts.delete(
        account.id, credential_version=account.credential_version, ip_prefix=ip_prefix
    )
    if not is_deleted and await context.accounts.find(account.id) is not None:
        raise changed_meanwhile()
    return Reply(204, cookies=[*context.refresh_cookies.clear(), *context.device_cookies.clear()])


def _read_deletion(raw: bytes, models: Sequence[type[BaseModel]]) -> tuple[DeleteAccountRequest | None, Extras]:
    """The body, None for none, and the added members. In a function of its own: crash reports show local variables."""
    body, extras = read_with(DeleteAccountRequest, raw or b"{}", models)
    return body if raw else None, extras


_DELETE_ACCOUNT = Endpoint(
    "POST",
    "/account/delete",
    delete_account,
    name="deleteAccount",
    body=DeleteAccountRequest,
    done={204: None},
    problems={**PROOF_PROBLEMS, 409: "password-changed"},
    bearer=True,
    act="delete",
)
ENDPOINTS = (
    _DELETE_ACCOUNT,
    replace(_DELETE_ACCOUNT, method="DELETE", path="/account", name="deleteAccountByMethod"),
)
