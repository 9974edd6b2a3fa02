"""A gate and a caller for the tests of an application: nothing to configure, no file, no costly hash.

    app = create_app(memory_gate())                                      # real sign-up, sign-in and sign-out
    app.dependency_overrides[current_principal] = lambda: fake_principal("ann", scopes=["notes:read"])

Never serve such a gate: its password hashes protect nothing.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from gatepass.core.principal import Principal
from gatepass.core.strict_json import Json
from gatepass.gate import Gatepass
from gatepass.ports import Clock
from gatepass.system import new_secret
from gatepass.testing.clock import FastHasher


def memory_gate(**options: Any) -> Gatepass:
    """A gate whose store is the memory of this process, with a secret of its own and a FastHasher.

    `options` are arguments of Gatepass(...), and take the place of these. The public URL is https://testserver, the
    address of Starlette's TestClient once it is told `base_url="https://testserver"`. Pass `clock=ManualClock()` to
    let tokens expire without waiting.
    """
    defaults: dict[str, Any] = {
        "secrets": [new_secret()],
        "public_url": "https://testserver",
        "store": "memory://",
        "hasher": FastHasher(),
    }
    return Gatepass(**defaults | options)


def fake_principal(
    account_id: str = "ann",
    *,
    scopes: Iterable[str] = (),
    claims: Mapping[str, Json] | None = None,
    authenticated_at: int | None = None,
    methods: tuple[str, ...] = ("pwd",),
    acr: str | None = None,
    email_verified: bool | None = None,
    clock: Clock | None = None,
) -> Principal:
    """A caller without a token, for what takes a Principal. It signed in just now, unless `authenticated_at` is given.

    `claims` are those that the application's hook would have added; `email_verified` is the claim of that name.
    `clock` is that of a gate under a ManualClock, where the caller is to have links (`gate.link`).
    """
    now = clock.now() if clock else int(time.time())
    signed_in = now if authenticated_at is None else authenticated_at
    held = frozenset(scopes)
    facts: dict[str, Json] = {
        "sub": account_id,
        "sid": "0" * 32,
        "auth_time": signed_in,
        "scope": " ".join(sorted(held)),
        "amr": list(methods),
        **({} if acr is None else {"acr": acr}),
    }
    if email_verified is not None:
        facts["email_verified"] = email_verified
    return Principal(
        account_id=account_id,
        session_id="0" * 32,
        token_id="test",
        expires_at=now + 900,
        issued_at=now,
        authenticated_at=signed_in,
        scopes=held,
        claims={**facts, **(claims or {})},
        methods=methods,
        acr=acr,
        begun_at=signed_in,
        email_verified=email_verified,
    )
