"""What a decision about an account needs beside an access token: the password, or a recent sign-in if there is none."""

from gatepass.core.account import Account
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.http import Request
from gatepass.wire import bodies

PROOF_PROBLEMS = {
    401: "insufficient-user-authentication",
    403: "invalid-credentials, not-offered",
    422: "password-too-long",
    429: "too-many-attempts",
}
"""The problems of an endpoint that asks for it."""


async def require_proof(context: Context, request: Request, account: Account, password: Secret | None) -> None:
    """Raise unless the request brings what proves the owner: the password, or a recent sign-in if there is none.

    The session must have been signed in to with several factors, if the account has them.
    """
    if password is None and account.has_password:
        raise bodies.invalid_body({"password": "Field required"})
    if password is None:
        await context.owner(request)
    else:
        await context.require_assurance(context.principal(request))


def changed_meanwhile() -> Conflict:
    """409: what proved the owner is not what counts any more."""
    return Conflict(ProblemCode.PASSWORD_CHANGED, "The account was changed by another request meanwhile.")


def wrong_password(detail: str = "The password is wrong.") -> Forbidden:
    """403, not 401: the access token holds, and a client must not answer this with a refresh."""
    return Forbidden(ProblemCode.INVALID_CREDENTIALS, detail)
