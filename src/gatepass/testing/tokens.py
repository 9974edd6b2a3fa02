"""Headers of a caller who is signed in: for the tests of guarded routes, with any test client.

    client.get("/notes", headers=sign_in(gate, "ann@example.com", scopes=["notes:read"]))

The access token is real, signed with the key of the gate, so the guard does all that it does in production. Nothing is
stored and nothing is hashed: there is a token, and no session and no account behind it. What a test has to see at the
session endpoints or in the database begins with `POST /auth/register` of a `memory_gate()`.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gatepass.core.access_token import sign
from gatepass.core.strict_json import Json
from gatepass.wire.origin import origin_of

if TYPE_CHECKING:
    from gatepass.gate import Gatepass


def sign_in(
    gate: "Gatepass",
    account: object = "ann@example.com",
    *,
    scopes: Iterable[str] = (),
    claims: Mapping[str, Json] | None = None,
    expires_in: int = 900,
    audience: str | None = None,
    issuer: str | None = None,
    methods: tuple[str, ...] = ("pwd",),
    acr: str | None = None,
    authenticated_at: int | None = None,
    email_verified: bool | None = None,
    session_id: str | None = None,
) -> dict[str, str]:
    """The header `Authorization` of a caller, who signed in just now by the clock of the gate.

    account           an id, an address (`account_id_of`), or a row with `pk` or `id`, such as a user of Django
    scopes, claims    what the claims hook of the application would have added; the hook is not called. `claims` may
                      name any claim, also one of ours: what is signed is up to the test
    expires_in        seconds; negative: it has expired, which the guard refuses once CLOCK_SKEW (5 s) is over too
    audience, issuer  of another API, or of another system: both are refused
    authenticated_at  Unix seconds; an old one is refused by routes with `max_age`
    session_id        32 hex digits; None: of its own

    Raises TypeError for a gate that has no key to sign with, as one of `gatepass.remote`.
    """
    parts = getattr(gate, "_parts", None)
    if parts is None:
        raise TypeError("sign_in needs the Gatepass(...) that signs tokens; a gate of a service only verifies them.")
    options = parts.options
    ours, now = options.tokens.issued_by(origin_of(options.public_url)), options.clock.now()
    signed_in = now if authenticated_at is None else authenticated_at
    facts: dict[str, Json] = {
        "iss": issuer or ours.issuer,
        "sub": _id_of(account),
        "aud": audience or ours.audience,
        "exp": now + expires_in,
        "iat": min(now, now + expires_in),
        "jti": secrets.token_urlsafe(16),
        "client_id": ours.client_id,
        "sid": session_id or secrets.token_hex(16),
        "auth_time": signed_in,
        "amr": list(methods),
        **({} if acr is None else {"acr": acr}),
        **({"scope": " ".join(sorted(scopes))} if scopes else {}),
        **({} if email_verified is None else {"email_verified": email_verified}),
        **(claims or {}),
    }
    return {"Authorization": f"Bearer {sign(facts, parts.keys.current[0])}"}


def account_id_of(email: str) -> str:
    """The `account_id` of a caller who is named by an address: in the form of our ids, the same each time."""
    return hashlib.sha256(email.casefold().encode()).hexdigest()[:32]


def _id_of(account: object) -> str:
    if isinstance(account, str):
        return account_id_of(account) if "@" in account else account
    return str(getattr(account, "pk", None) or getattr(account, "id", account))
