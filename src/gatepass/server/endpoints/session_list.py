"""The endpoints for the list of one's own sessions.

    GET    /sessions        where the account is signed in       POST /logout-others   all but the caller's → 204
    DELETE /sessions/{sid}  one of them → 204                    POST /logout-all      all → 204

All take a bearer token, which no browser sends by itself, and touch the sessions of its account alone. Where the policy
asks for a recent sign-in (ASVS 7.5.2), ending any session but the caller's own needs one: a copied access token then
ends no session, and an owner who wants to throw a thief out signs in first.
"""

import re
from collections.abc import Sequence

from gatepass.core.principal import Principal
from gatepass.core.session import Session
from gatepass.errors import NotFound
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import answers, bodies

MAX_LISTED = 200
"""Against what: where sessions are not limited, one answer must not grow with every sign-in of a script."""
_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)


async def list_sessions(context: Context, request: Request) -> Reply:
    """Where the account is signed in.

    Newest sign-in first, at most MAX_LISTED, the caller's own always among them.
    """
    principal = context.principal(request)
    rows = _newest(await context.sessions.list_for_account(principal.account_id), bytes.fromhex(principal.session_id))
    listed = [answers.session_json(row, current=principal.session_id) for row in rows]
    return Reply(200, bodies.dump({"sessions": listed}))


async def end_session(context: Context, request: Request) -> Reply:
    """End one session.

    404 for one of another account, as for one that does not exist.
    """
    sid = request.path_params["sid"]
    principal = _owner(context, request, of=sid)
    await request.json(bodies.MAX_BYTES)
    session, where = bytes.fromhex(sid) if _is_sid(sid) else None, context.ip_prefix(request)
    if session is None or not await context.sessions.revoke_owned(principal.account_id, session, ip_prefix=where):
        if sid != principal.session_id:
            raise NotFound("You have no session of this id.")
        # The store has lost the row of the caller's own session, which its token proves.
        await context.sessions.revoke(bytes.fromhex(sid), reason="revoked", ip_prefix=where)
    return Reply(204)


async def logout_others(context: Context, request: Request) -> Reply:
    """End every session of the account but the one of the access token."""
    principal = _owner(context, request)
    await request.json(bodies.MAX_BYTES)
    own, where = bytes.fromhex(principal.session_id), context.ip_prefix(request)
    await context.sessions.revoke_all(principal.account_id, reason="revoked", keep=own, ip_prefix=where)
    return Reply(204)


async def logout_all(context: Context, request: Request) -> Reply:
    """End every session of the account."""
    principal = _owner(context, request)
    await request.json(bodies.MAX_BYTES)
    own, where = bytes.fromhex(principal.session_id), context.ip_prefix(request)
    await context.sessions.revoke_all(principal.account_id, reason="revoked", ip_prefix=where)
    # The caller's own is over even if the store has lost its row, and the account's list with it.
    await context.sessions.revoke(own, reason="revoked", ip_prefix=where)
    return Reply(204)


def _owner(context: Context, request: Request, *, of: str | None = None) -> Principal:
    """The caller, which may end its sessions, or the one `of` this id. Raises InsufficientUserAuthentication."""
    principal = context.principal(request)
    recent = context.policy.recent_sign_in
    if not recent or of == principal.session_id:
        return principal
    return context.check.require(principal, max_age=recent)


def _newest(rows: Sequence[Session], current: bytes) -> Sequence[Session]:
    kept = rows[:MAX_LISTED]
    own = [row for row in rows[MAX_LISTED:] if row.sid == current]
    return [*kept[: MAX_LISTED - len(own)], *own]


def _is_sid(text: str) -> bool:
    return _SID.fullmatch(text) is not None


ENDPOINTS = (
    Endpoint(
        "GET",
        "/sessions",
        list_sessions,
        name="listSessions",
        done={200: "Sessions"},
        bearer=True,
        links={"EndSession": {"operationId": "endSession", "parameters": {"sid": "$response.body#/sessions/0/id"}}},
    ),
    Endpoint(
        "DELETE",
        "/sessions/{sid}",
        end_session,
        name="endSession",
        done={204: None},
        problems={404: "not-found"},
        recent=True,
    ),
    Endpoint("POST", "/logout-others", logout_others, name="signOutElsewhere", done={204: None}, recent=True),
    Endpoint("POST", "/logout-all", logout_all, name="signOutEverywhere", done={204: None}, recent=True),
)
