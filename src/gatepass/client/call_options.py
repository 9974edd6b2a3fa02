"""Options of one call that differ from its client's. They are in the request's `extensions`, httpx's place for that.

api.post("/orders", json=order, extensions=call_options(idempotency_key="auto"))
api.get("/health", extensions=call_options(retry=False, loading="silent"))
"""

import uuid
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the package imports this file at once, and a program may choose its HTTP library first
    from gatepass.client.flow import Call

IDEMPOTENCY_KEY = "Idempotency-Key"


def call_options(
    *,
    retry: object | None = None,
    loading: Literal["silent"] | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Return the `extensions` for one call. An option that is left out is the client's.

    `retry=False` sends the call once; a `Retry` replaces the client's. `loading="silent"` shows no indicator. An
    `idempotency_key` is sent with every attempt of the call, so that even a POST may be repeated; "auto" makes one
    for each call. Raises ValueError for an empty key.
    """
    if idempotency_key is not None and not idempotency_key.strip():
        raise ValueError('An idempotency key must not be empty; "auto" makes one.')
    given = {"retry": retry, "loading": loading, "idempotency_key": idempotency_key}
    return {"gatepass": {name: value for name, value in given.items() if value is not None}}


def prepare(call: "Call") -> None:
    """Set the Idempotency-Key header, once for all attempts of the call. A header that the caller set stays."""
    key = call.options.get("idempotency_key")
    if key is not None and IDEMPOTENCY_KEY not in call.request.headers:
        call.request.headers[IDEMPOTENCY_KEY] = uuid.uuid4().hex if key == "auto" else key
