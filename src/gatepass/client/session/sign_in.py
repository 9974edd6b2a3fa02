"""Signing in and out: the two acts that change whose session it is. Both take the lock that a refresh takes.

A sign-out takes effect here before the server is asked. Without a network it is kept in the storage, and the server
is asked again at the next start, the next sign-in or the next sign-out (offline logout).
"""

from functools import partial

from gatepass.client.errors import SessionEndedError
from gatepass.client.flow import Work
from gatepass.client.http import REQUEST_ERRORS
from gatepass.client.session.access_token import AccessToken
from gatepass.client.session.endpoints import CLIENT_HEADER, Answer, AuthRequest, Grant, read_grant, secret_of
from gatepass.client.session.persistence import PersistentSession
from gatepass.client.session.refresh import Flow, with_lock


def exchange_credentials(
    saved: PersistentSession, path: str, credentials: dict[str, object], token: AccessToken | None = None
) -> Flow[tuple[Answer, Grant | None]]:
    """Post credentials to `path` and save the session that they give; no grant if the answer has none.

    The session is bound to a new key, which goes along; that of a second step, which has a `ticket`, to the key of the
    first. The one whose cookie goes along ends at the server (`replaced`). `token` is for the endpoints that want one.
    Raises httpx.RequestError, and SessionEndedError if the session of the token is over.
    """
    headers = CLIENT_HEADER if token is None else {**CLIENT_HEADER, "Authorization": token.header}

    def exchange() -> Flow[tuple[Answer, Grant | None]]:
        yield Work(saved.read)
        if token is not None and saved.record.sid != token.sid:  # another user may have signed in
            raise SessionEndedError("replaced", session_id=token.sid)
        # Neither cookie nor key is in a local variable: crash reports show those.
        offered = saved.offered_with(credentials.get("ticket"))
        answer = yield AuthRequest(
            f"{saved.url}/{path}",
            headers=headers,
            body={**credentials, "binding_secret": secret_of(offered)},
            cookie=saved.record.cookie,
            timeout=saved.timeout,
        )
        grant = read_grant(answer)
        if grant is None:
            saved.keep_offered(offered, ticket=answer.body.get("ticket"))
        else:
            yield Work(partial(saved.begin, grant, offered))
        return answer, grant

    return (yield from with_lock(saved, exchange))


def sign_out(saved: PersistentSession, sid: str) -> Flow[None]:
    """Remove the session from the storage; `confirm_sign_outs` asks the server."""

    def remove() -> Flow[None]:
        yield Work(partial(saved.sign_out, sid))

    yield from with_lock(saved, remove)


def sign_out_everywhere(saved: PersistentSession, token: AccessToken) -> Flow[Answer]:
    """Ask the server to end every session of the account. Raises httpx.RequestError."""
    # The token's text is in no local variable either.
    request = AuthRequest(
        f"{saved.url}/logout-all", headers={**CLIENT_HEADER, "Authorization": token.header}, timeout=saved.timeout
    )
    answer: Answer = yield request
    return answer


def confirm_sign_outs(saved: PersistentSession) -> Flow[None]:
    """Ask the server to end the sessions that were signed out here. Without a network they are kept for later."""
    requests = [(sid, _sign_out_request(saved, sid, (name, value))) for sid, name, value in saved.record.signed_out]
    for sid, request in requests:
        try:
            answer = yield request
        except REQUEST_ERRORS:
            return
        # 409: the cookie is of another session; every later attempt would get the same answer.
        if answer.status in (204, 409):
            yield from with_lock(saved, partial(_confirm, saved, sid))


def _sign_out_request(saved: PersistentSession, sid: str, cookie: tuple[str, str]) -> AuthRequest:
    headers = {**CLIENT_HEADER, "Gatepass-Session": sid}
    return AuthRequest(f"{saved.url}/logout", headers=headers, cookie=cookie, timeout=saved.timeout)


def _confirm(saved: PersistentSession, sid: str) -> Flow[None]:
    yield Work(partial(saved.confirm_sign_out, sid))
