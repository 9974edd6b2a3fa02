"""Names for the operations of the OpenAPI document, and what one answer says about the next request.

Generated clients call their methods by these names, so a name that has been published stays. The links (OpenAPI 3.1
§4.8.20) let a tool that reads the document alone walk from a registration to a sign-in, and from a list to its items.
"""

from typing import Any

from gatepass.core.policy import Policy

Json = dict[str, Any]

NAMES = {
    ("/register", "post"): "register",
    ("/login", "post"): "signIn",
    ("/refresh", "post"): "refresh",
    ("/logout", "post"): "signOut",
    ("/logout-all", "post"): "signOutEverywhere",
    ("/logout-others", "post"): "signOutElsewhere",
    ("/sessions", "get"): "listSessions",
    ("/sessions/{sid}", "delete"): "endSession",
    ("/password", "post"): "changePassword",
    ("/me", "get"): "getAccount",
    ("/jwks.json", "get"): "getKeys",
    ("/openapi.json", "get"): "getDescription",
    ("/gatepass.js", "get"): "getBrowserClient",
    ("/verify", "post"): "confirmRegistration",
    ("/verify/resend", "post"): "resendConfirmation",
    ("/password/forgot", "post"): "forgotPassword",
    ("/password/reset", "post"): "resetPassword",
    ("/email", "post"): "changeEmail",
    ("/email/confirm", "post"): "confirmEmail",
    ("/account", "delete"): "deleteAccount",
}
_SAME_CREDENTIALS: Json = {"operationId": "signIn", "requestBody": "$request.body"}
_LINKS: dict[tuple[str, str, str], Json] = {
    ("/register", "post", "201"): {"SignIn": _SAME_CREDENTIALS},
    ("/login", "post", "200"): {"SignInAgain": _SAME_CREDENTIALS},
    ("/sessions", "get", "200"): {
        "EndSession": {"operationId": "endSession", "parameters": {"sid": "$response.body#/sessions/0/id"}}
    },
}


def name(paths: Json) -> None:
    """Give each operation of the document its name and its links."""
    for (path, method), operation_id in NAMES.items():
        paths[path][method]["operationId"] = operation_id
    for (path, method, status), links in _LINKS.items():
        paths[path][method]["responses"][status]["links"] = links


def bound_passwords(schemas: Json, policy: Policy) -> None:
    """Say in the schemas of bodies how long a password may be, and how long a new one must be.

    Lengths are in code points, in JSON Schema as here. `Registration` is `Credentials` with a new password.
    """
    longest = {"maxLength": policy.password_max}
    new = {"minLength": policy.password_min, **longest}
    credentials = schemas["Credentials"]
    schemas["Registration"] = {
        **credentials,
        "title": "Registration",
        "description": "`POST /auth/register`.",
        "properties": {**credentials["properties"], "password": {**credentials["properties"]["password"], **new}},
    }
    for schema, member, bounds in (
        ("Credentials", "password", longest),
        ("VerifyRequest", "password", longest),
        ("EmailChange", "password", longest),
        ("DeleteAccountRequest", "password", longest),
        ("PasswordChange", "current", longest),
        ("PasswordChange", "new", new),
        ("PasswordReset", "new", new),
    ):
        schemas[schema]["properties"][member].update(bounds)
