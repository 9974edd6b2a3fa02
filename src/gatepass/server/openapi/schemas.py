"""The JSON schemas of all bodies: those of requests from their models, those of answers written here."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from gatepass.core.mail_code import MAX_MAIL_TICKET
from gatepass.core.policy import Policy
from gatepass.core.sign_in_ticket import MAX_TICKET
from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints.session_list import MAX_LISTED

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
SID: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_ACCOUNT = {"id": TEXT, "email": TEXT, "email_verified": {"type": "boolean"}, "created_at": _COUNT}
_ME = {**_ACCOUNT, "password": {"type": "boolean"}, "identities": _COUNT}
_IDENTITY = {
    "id": SID,
    "provider": TEXT,
    "issuer": TEXT,
    "email": TEXT,
    "created_at": _COUNT,
    "last_used_at": _COUNT,
}
_GRANT = {
    "access_token": TEXT,
    "token_type": {"const": "Bearer"},
    "expires_in": _COUNT,
    "session_id": SID,
    "refresh_generation": _COUNT,
    "refresh_challenge": {"type": "string", "pattern": "^[A-Za-z0-9_-]{11}$"},
}
_SESSION = {
    "id": SID,
    "client": TEXT,
    "created_at": _COUNT,
    "last_used_at": _COUNT,
    "expires_at": _COUNT,
    "address": TEXT,
    "remember": {"type": "boolean"},
    "bound": {"enum": ["no", "key", "device"]},
    "methods": {"type": "array", "items": TEXT},
    "acr": {"type": ["string", "null"]},
    "authenticated_at": _COUNT,
    "current": {"type": "boolean"},
}
_RECOVERY = {"requested_at": _COUNT, "ready_at": _COUNT, "ends_at": _COUNT}
_FACTORS = {
    "passkeys": {"type": "array", "items": {"$ref": "#/components/schemas/Passkey"}},
    "totp": {"type": ["object", "null"], "properties": {"created_at": _COUNT}, "required": ["created_at"]},
    "recovery_codes": _COUNT,
    "policy": {"enum": ["off", "optional", "required"]},
    "enrol_by": {"type": ["integer", "null"], "minimum": 0},
    "recovery": {"type": ["object", "null"], "properties": _RECOVERY, "required": list(_RECOVERY)},
}
_TICKET = {
    "methods": {"type": "array", "items": {"enum": ["totp", "passkey", "recovery", "enrol"]}},
    "ticket": {"type": "string", "pattern": "^gp_st_[A-Za-z0-9_-]+$", "maxLength": MAX_TICKET},
    "expires_in": _COUNT,
}
_MAIL_CODE = {
    "ticket": {"type": "string", "pattern": "^gp_mc_[A-Za-z0-9_-]+$", "maxLength": MAX_MAIL_TICKET},
    "expires_in": _COUNT,
}
_RECOVERY_CODES = {"type": "array", "items": TEXT}
_PROBLEM = {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": TEXT}
_PASSKEY = {
    "id": SID,
    "name": TEXT,
    "created_at": _COUNT,
    "last_used_at": {"type": ["integer", "null"]},
    "synced": {"type": "boolean"},
    "backed_up": {"type": "boolean"},
    "transports": {"type": "array", "items": TEXT},
    "aaguid": {"type": "string", "format": "uuid"},
}
_JWKS = {"keys": {"type": "array", "items": {"type": "object"}}}
NEW_PASSWORDS = {("Registration", "password"), ("PasswordChange", "new"), ("PasswordReset", "new")}
"""Members of bodies that take a new password, for which the policy has a minimum length."""


def schemas_of(endpoints: Iterable[Endpoint], policy: Policy) -> Json:
    """Name → schema of everything that these endpoints take or answer; passwords with the lengths of the policy."""
    models = {endpoint.body for endpoint in endpoints if endpoint.body is not None}
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    bodies = definitions["$defs"]
    for schema, body in bodies.items():
        for member in {"password", "current", "new"} & body["properties"].keys():
            # Lengths are in code points, in JSON Schema as in the policy.
            shortest = {"minLength": policy.password_min} if (schema, member) in NEW_PASSWORDS else {}
            body["properties"][member].update(shortest, maxLength=policy.password_max)
    return {
        **bodies,
        "Account": object_of(_ACCOUNT),
        "Me": object_of(_ME),
        "Identities": object_of({"identities": {"type": "array", "items": object_of(_IDENTITY)}}),
        "Grant": object_of(_GRANT) | {"properties": {**_GRANT, "account": ref("Account")}},
        "SignIn": object_of({**_GRANT, "account": ref("Account")}),
        "Sessions": object_of({"sessions": {"type": "array", "maxItems": MAX_LISTED, "items": object_of(_SESSION)}}),
        "Jwks": object_of(_JWKS),
        "Links": object_of({"links": {"type": "array", "items": TEXT}, "expires_in": _COUNT}),
        "Ticket": object_of(_TICKET),
        "MailCode": object_of(_MAIL_CODE),
        "TotpSecret": object_of({"secret": TEXT, "uri": TEXT, "qr": {"type": ["string", "null"]}}),
        "EnrolledSignIn": object_of({**_GRANT, "account": ref("Account"), "recovery_codes": _RECOVERY_CODES}),
        "Location": object_of({"location": {"type": "string", "format": "uri"}}),
        "Factors": object_of(_FACTORS),
        "FactorRecovery": object_of(_RECOVERY),
        "RecoveryCodes": object_of({"recovery_codes": _RECOVERY_CODES}),
        "Passkey": object_of(_PASSKEY),
        "Passkeys": object_of({"passkeys": {"type": "array", "items": object_of(_PASSKEY)}}),
        "Problem": {**object_of(_PROBLEM), "additionalProperties": True},
    }


def ref(name: str) -> Json:
    """A reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(properties: Mapping[str, Any]) -> Json:
    """An object that has all of these members."""
    return {"type": "object", "properties": dict(properties), "required": list(properties)}
