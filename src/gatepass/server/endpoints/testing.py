"""Sign-in for end-to-end tests, in testing mode alone (`server/testing.py`). In no OpenAPI document.

    POST /testing/sessions   an address, or the id of an account → a session, its cookies, and `init_script`
                             `methods` with mfa: a session of several factors, for routes that want one

The session is bound to a key from its first moment, as a page's own sign-in is: so copies of its cookies are worthless,
and the tests run what production runs. The key cannot be stored from outside of a page. `init_script` does that: a
test's browser runs it in each new document before the scripts of the page (Playwright: `addInitScript`).
"""

import json
from functools import cache
from pathlib import Path

from gatepass.core import base64url
from gatepass.core.account import Account
from gatepass.core.assurance import MFA
from gatepass.core.authentication import Authentication
from gatepass.core.binding import KEY_BYTES, BindingKey
from gatepass.errors import InvalidCredentials, NotFound
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.sign_in import begin
from gatepass.server.testing import PATH, refuse_other_machines
from gatepass.system import SystemEntropy
from gatepass.wire import bodies
from gatepass.wire.bodies import SessionForTests


async def begin_session(context: Context, request: Request) -> Reply:
    """Begin a session of any account, which is made where there is none of the address."""
    refuse_other_machines(request)
    body = bodies.read(SessionForTests, await request.json(bodies.MAX_BYTES))
    how = _how(body)
    caller = context.caller(request)
    account = await _account(context, body, ip_prefix=caller.ip_prefix)
    key = body.binding_secret or BindingKey(SystemEntropy().token_bytes(KEY_BYTES))
    begun = await begin(
        context,
        request,
        account,
        caller=caller,
        remember=body.remember,
        binding_key=key,
        how=how,
        asks_second=False,
    )
    if begun is None:
        raise InvalidCredentials
    answer = begun.json()
    if body.binding_secret is None:
        facts = {"issuer": body.auth_url, "sid": begun.grant.session.sid.hex()}
        answer["init_script"] = _script(facts, secret=base64url.encode(key.reveal()))
    return Reply(200, bodies.dump(answer), cookies=begun.cookies)


async def _account(context: Context, body: SessionForTests, *, ip_prefix: str) -> Account:
    if (body.email is None) == (body.account_id is None):
        raise bodies.invalid_body({"email": "Name an address or an account_id."})
    if body.email is not None:
        address = bodies.parse_email(body.email)
        account = await context.accounts.add_without_password(address, ip_prefix=ip_prefix)
        if account is None:
            raise bodies.invalid_body({"email": "The accounts are the application's here: name an account_id."})
    else:
        account = await context.accounts.authenticated(body.account_id or "", ip_prefix=ip_prefix)
    if account is None or account.disabled_at is not None:
        raise NotFound("There is no such account, or it is disabled.")
    return account


def _how(body: SessionForTests) -> Authentication:
    try:
        return Authentication(tuple(body.methods), MFA if MFA in body.methods else None)
    except ValueError as fault:
        raise bodies.invalid_body({"methods": str(fault)}) from None


def _script(facts: dict[str, str], *, secret: str) -> str:
    """`place_key.js` with its arguments, as one expression."""
    return f"({_source()}\n)({json.dumps({**facts, 'secret': secret})});"


@cache
def _source() -> str:
    return Path(__file__).with_name("place_key.js").read_text("utf-8").rstrip().removesuffix(";")


ENDPOINTS = (
    Endpoint(
        "POST",
        PATH,
        begin_session,
        name="beginSessionForTests",
        body=SessionForTests,
        done={200: "SignIn"},
        cross_site=True,
    ),
)
