"""What one call wants otherwise than its client: it travels in the request's `extensions`, httpx's place for that.

api.post("/orders", json=order, extensions=call_options(idempotency_key="auto"))
api.get("/health", extensions=call_options(retry=False, loading="silent"))
"""

import uuid
from typing import Any, Literal

from gatepass.client.flow import Call

IDEMPOTENCY_KEY = "Idempotency-Key"


def call_options(
    *,
    retry: object | None = None,
    loading: Literal["silent"] | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """The `extensions` of one call. What is not given is as the client has it.

    `retry=False` sends it once; a `Retry` replaces the client's. `loading="silent"` shows nothing. An
    `idempotency_key` goes with every attempt of the call, so that even a POST may be sent again; "auto" makes one for
    each call. Raises ValueError for an empty key.
    """
    if idempotency_key is not None and not idempotency_key.strip():
        raise ValueError('An idempotency key is not empty; "auto" makes one.')
    given = {"retry": retry, "loading": loading, "idempotency_key": idempotency_key}
    return {"gatepass": {name: value for name, value in given.items() if value is not None}}


def prepare(call: Call) -> None:
    """Put the idempotency key on the request, once for all its attempts. A header of the caller's stays."""
    key = call.options.get("idempotency_key")
    if key is not None and IDEMPOTENCY_KEY not in call.request.headers:
        call.request.headers[IDEMPOTENCY_KEY] = uuid.uuid4().hex if key == "auto" else key
