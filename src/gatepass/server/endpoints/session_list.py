"""The endpoints for the list of one's own sessions.

    GET    /sessions        where the account is signed in       POST /logout-others   all but the caller's → 204
    DELETE /sessions/{sid}  one of them → 204                    POST /logout-all      all → 204

All take a bearer token, which no browser sends by itself, and touch the sessions of its account alone. Where the policy
asks for a recent sign-in (ASVS 7.5.2), ending any session but the caller's own needs one: a copied access token then
signs nobody out, and an owner who wants to throw a thief out signs in first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatepass.core.access_token import Principal
from gatepass.core.session import Session
from gatepass.errors import InsufficientUserAuthentication, NotFound
from gatepass.server.endpoints.sessions import Endpoint, Routes
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies

MAX_LISTED = 200
"""Against what: where sessions are not limited, one answer must not grow with every sign-in of a script."""
_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """The endpoints beside those of `routes`. `recent`: seconds, or 0 where no sign-in is too old."""

    routes: Routes
    recent: int = 0

    def table(self) -> Mapping[str, Mapping[str, Endpoint]]:
        """Path below the mount → method → endpoint. `/sessions/{sid}` is the one path with a parameter."""
        return {
            "/sessions": {"GET": self.list_sessions},
            "/sessions/{sid}": {"DELETE": self.delete_session},
            "/logout-others": {"POST": self.logout_others},
            "/logout-all": {"POST": self.logout_all},
        }

    async def list_sessions(self, request: Request) -> Reply:
        """`GET /sessions`: where the account is signed in, newest sign-in first, at most MAX_LISTED."""
        principal = self.routes.principal(request)
        current = bytes.fromhex(principal.session_id)
        rows = _most(await self.routes.sessions.list_for_account(principal.account_id), current)
        listed = [bodies.session_json(row, current=principal.session_id) for row in rows]
        return Reply(200, bodies.dump({"sessions": listed}))

    async def delete_session(self, request: Request) -> Reply:
        """`DELETE /sessions/{sid}`: end one session of the own account; 404 for any other."""
        sid = request.path.rpartition("/")[2]
        principal = self._owner(request, of=sid)
        await request.json(bodies.MAX_BYTES)
        if not _is_sid(sid) or not await self.routes.sessions.revoke_owned(principal.account_id, bytes.fromhex(sid)):
            raise NotFound("You have no session of this id.")
        return Reply(204)

    async def logout_others(self, request: Request) -> Reply:
        """`POST /logout-others`: end every session of the account but the one of the access token."""
        principal = self._owner(request)
        await request.json(bodies.MAX_BYTES)
        keep = bytes.fromhex(principal.session_id)
        await self.routes.sessions.revoke_all(principal.account_id, reason="revoked", keep=keep)
        return Reply(204)

    async def logout_all(self, request: Request) -> Reply:
        """`POST /logout-all`: end every session of the account."""
        principal = self._owner(request)
        await request.json(bodies.MAX_BYTES)
        await self.routes.sessions.revoke_all(principal.account_id, reason="revoked")
        return Reply(204)

    def _owner(self, request: Request, *, of: str | None = None) -> Principal:
        """Who wants to end sessions, or the one `of` this id. Raises InsufficientUserAuthentication, see the head."""
        principal = self.routes.principal(request)
        age = self.routes.clock.now() - principal.authenticated_at
        if self.recent and age > self.recent and of != principal.session_id:
            raise InsufficientUserAuthentication(self.recent)
        return principal


def _most(rows: Sequence[Session], current: bytes) -> Sequence[Session]:
    """The newest ones, and always the caller's own: nobody should have to wonder which one is theirs."""
    kept = rows[:MAX_LISTED]
    own = [row for row in rows[MAX_LISTED:] if row.sid == current]
    return [*kept[: MAX_LISTED - len(own)], *own]


def _is_sid(text: str) -> bool:
    return _SID.fullmatch(text) is not None
