"""Sign-in at a provider (OpenID Connect): the browser is sent there, and comes back with an answer.

    POST /oidc/{name}/start       by the page, with its binding key → where to go, and the cookie of the errand
    GET  /oidc/{name}/start       by a link, without a key → 303 to the provider
    GET  /oidc/{name}/callback    from the provider → 303 to the page, signed in, or with ?gatepass_error=<code>
    POST /oidc/{name}/callback    the same by a form, at a provider with `response_mode=form_post`

An answer counts only in the browser that carries its errand (`oidc.errand`). Other sites may send browsers here, so
what has no errand is answered by a page of one sentence, and nothing happens.
"""

from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints.oidc.answer import callback, callback_by_form
from gatepass.server.endpoints.oidc.replies import HTML
from gatepass.server.endpoints.oidc.start import start, start_by_link
from gatepass.wire.bodies import ProviderStart

_PROBLEMS = {400: "malformed-request, sign-in-expired", 403: "cross-site", 404: "not-found"}
_WISHES = {
    "prompt": "login, select_account or consent",
    "max_age": "Seconds since the person last signed in at the provider, at most",
    "login_hint": "Who is probably signing in",
}
_ANSWER = {
    "code": "The code of a sign-in",
    "state": "Which sign-in it is the answer to",
    "iss": "The provider (RFC 9207)",
    "error": "Why there is no code",
}
ENDPOINTS = (
    Endpoint(
        "POST",
        "/oidc/{name}/start",
        start,
        name="startProviderSignIn",
        body=ProviderStart,
        done={200: "Location"},
        problems={
            401: "token-required, invalid-token, insufficient-user-authentication",
            404: "not-found",
            429: "too-many-attempts",
            502: "provider-unavailable, provider-error",
            504: "provider-unavailable",
        },
        cross_site=True,
    ),
    Endpoint(
        "GET",
        "/oidc/{name}/start",
        start_by_link,
        name="openProvider",
        done={303: None},
        problems={**_PROBLEMS, 422: "invalid-body", 429: "too-many-attempts"},
        query={
            "return_to": "Where the browser goes afterwards",
            "remember": "false: until the browser is closed",
            **_WISHES,
        },
        by_navigation=True,
        media_type=HTML,
    ),
    Endpoint(
        "GET",
        "/oidc/{name}/callback",
        callback,
        name="takeProviderAnswer",
        done={303: None},
        problems=_PROBLEMS,
        query=_ANSWER,
        by_navigation=True,
        media_type=HTML,
    ),
    Endpoint(
        "POST",
        "/oidc/{name}/callback",
        callback_by_form,
        name="takeProviderAnswerByForm",
        done={303: None},
        problems=_PROBLEMS,
        by_navigation=True,
        media_type=HTML,
    ),
)
