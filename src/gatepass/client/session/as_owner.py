"""Calls of auth endpoints that need the access token of the session, and the key of the one to come."""

from collections.abc import Callable

from gatepass.client.errors import SessionEndedError, raise_for_problem
from gatepass.client.session.access_token import CLAIMS_CHANGED, AccessToken
from gatepass.client.session.endpoints import Answer, Grant
from gatepass.client.session.persistence import PersistentSession
from gatepass.client.session.refresh import Flow
from gatepass.client.session.sign_in import exchange_credentials
from gatepass.problem_codes import ProblemCode


def exchange_as_owner(
    saved: PersistentSession,
    path: str,
    proof: dict[str, object],
    *,
    token_for_call: Callable[..., Flow[AccessToken | None]],
) -> Flow[tuple[Answer, Grant | None]]:
    """As `exchange_credentials`, with the access token of the session, which is refreshed once if it is refused.

    Once more if the newer one is from before a change of the claims. `token_for_call` is that of the session. Raises
    SessionEndedError if not signed in, RefreshUnavailableError, and a ProblemError.
    """
    refused: AccessToken | None = None
    is_stale = False
    for attempt in range(3):
        token = yield from token_for_call(refused, is_stale=is_stale)
        if token is None:
            raise SessionEndedError(saved.state.reason or "replaced")
        answer, grant = yield from exchange_credentials(saved, path, proof, token)
        if answer.body.get("code") != ProblemCode.INVALID_TOKEN:
            break
        refused, is_stale = token, answer.body.get("reason") == CLAIMS_CHANGED
        if attempt and not is_stale:
            break
    if grant is None:
        raise_for_problem(answer.response)
    return answer, grant
