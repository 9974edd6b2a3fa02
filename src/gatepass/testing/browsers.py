"""A session for a browser context of Playwright, in one request: no form, no password, no page.

    sign_in_browser(context, "ann@example.com", auth="http://localhost:8000/auth")
    page = context.new_page()       # is signed in

The server must run with GATEPASS_TESTING=true. The cookies go into the jar of the context, the key of the session into
each page that is opened from now on. Each context gets a session of its own; a saved state (`storage_state`) has no key
and is signed in nowhere.
"""

import json
from collections.abc import Sequence
from typing import Any

DEFAULT = "ann@example.com"
HEADERS = {"Gatepass-Client": "1"}


def sign_in_browser(
    context: Any,
    email: str | None = None,
    *,
    auth: str,
    account_id: str | None = None,
    methods: Sequence[str] = ("pwd",),
) -> dict[str, Any]:
    """Sign in a context of Playwright's sync API. Returns the account.

    `auth` is the address of the endpoints as the page has it; the account of the address is made if there is none. With
    users of the application's own name `account_id` instead. For routes with `acr="mfa"` the session began by `methods`
    such as `("pwd", "otp", "mfa")`. Raises RuntimeError with what the server says,
    ValueError for an `auth` without a host.
    """
    answer = context.request.post(_url(auth), data=_body(email, account_id, auth, methods=methods), headers=HEADERS)
    account, script = _read(_url(auth), answer.status, answer.text())
    context.add_init_script(script=script)
    return account


async def sign_in_browser_async(
    context: Any,
    email: str | None = None,
    *,
    auth: str,
    account_id: str | None = None,
    methods: Sequence[str] = ("pwd",),
) -> dict[str, Any]:
    """As `sign_in_browser`, for a context of the async API."""
    answer = await context.request.post(
        _url(auth), data=_body(email, account_id, auth, methods=methods), headers=HEADERS
    )
    account, script = _read(_url(auth), answer.status, await answer.text())
    await context.add_init_script(script=script)
    return account


def _url(auth: str) -> str:
    if not auth.startswith(("http://", "https://")):
        raise ValueError(f"`auth` must be a whole address, such as http://localhost:8000/auth, and not {auth!r}.")
    return auth.rstrip("/") + "/testing/sessions"


def _body(email: str | None, account_id: str | None, auth: str, *, methods: Sequence[str]) -> dict[str, object]:
    who = {"email": email or DEFAULT} if account_id is None else {"account_id": account_id}
    return {**who, "auth_url": auth.rstrip("/"), "methods": list(methods)}


def _read(url: str, status: int, text: str) -> tuple[dict[str, Any], str]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    facts = body if isinstance(body, dict) else {}
    if status == 200 and "init_script" in facts:
        return facts["account"], facts["init_script"]
    if status == 404 or "detail" not in facts:
        raise RuntimeError(
            f"No session for this test, {status}: there is no testing endpoint at {url}. "
            "Is that its address, and does the server run with GATEPASS_TESTING=true?"
        )
    raise RuntimeError(f"No session for this test, {status}: {facts['detail']}")
