"""The OpenAPI 3.1 description of the endpoints, written beside them by hand.

Every status that an endpoint can answer is listed, with the codes of its problem documents, so that a
generated client or a fuzzer finds nothing undeclared.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from gatepass.core.policy import Policy
from gatepass.server import account_openapi, operations
from gatepass.server.endpoints.session_list import MAX_LISTED
from gatepass.wire.bodies import Credentials, PasswordChange
from gatepass.wire.problems import MEDIA_TYPE

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_SID: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_ACCOUNT = {"id": _TEXT, "email": _TEXT, "created_at": _COUNT}
_GRANT = {
    "access_token": _TEXT,
    "token_type": {"const": "Bearer"},
    "expires_in": _COUNT,
    "session_id": _SID,
    "refresh_generation": _COUNT,
}
_SESSION = {
    "id": _SID,
    "client": _TEXT,
    "created_at": _COUNT,
    "last_used_at": _COUNT,
    "expires_at": _COUNT,
    "address": _TEXT,
    "remember": {"type": "boolean"},
    "current": {"type": "boolean"},
}
_PROBLEM = {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "code": _TEXT}
_JWKS = {"keys": {"type": "array", "items": {"type": "object"}}}

_BODY = {
    400: "malformed-json, malformed-request",
    408: "request-timeout",
    413: "body-too-large",
    415: "unsupported-media-type",
}
_SITE = {403: "cross-site"}
_STORE = {503: "store-unavailable, unknown-key, overloaded, not-ready"}
_BEARER = {401: "token-required, invalid-token", **_STORE}
_RECENT = {**_BEARER, 401: f"{_BEARER[401]}, insufficient-user-authentication"}
_PASSWORD = "password-too-short, password-too-long, password-blocklisted, password-contains-context"


def describe(policy: Policy) -> Json:
    """The document. Paths are relative to the mount."""
    _, definitions = models_json_schema(
        [(Credentials, "validation"), (PasswordChange, "validation"), *account_openapi.MODELS],
        ref_template="#/components/schemas/{model}",
    )
    schemas = {
        **definitions["$defs"],
        "Account": _object(_ACCOUNT),
        "Grant": _object(_GRANT),
        "SignIn": _object({**_GRANT, "account": _ref("Account")}),
        "Sessions": _object({"sessions": {"type": "array", "maxItems": MAX_LISTED, "items": _object(_SESSION)}}),
        "Jwks": _object(_JWKS),
        "Problem": {**_object(_PROBLEM), "additionalProperties": True},
    }
    operations.bound_passwords(schemas, policy)
    paths = {**_paths(), **_account_paths()}
    operations.name(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gatepass",
            "version": "1",
            "description": f"Access tokens live {policy.access_ttl} s; refresh tokens live in a cookie.",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _account_paths() -> Json:
    return {
        path: {
            method: _operation(
                facts["summary"],
                body=facts["body"],
                done=facts["done"],
                problems={**_BODY, **(_BEARER if "bearer" in facts else _STORE), **facts["problems"]},
                bearer="bearer" in facts,
                cookie="cookie" in facts,
            )
            for method, facts in methods.items()
        }
        for path, methods in account_openapi.operations(password=_PASSWORD).items()
    }


def _paths() -> Json:
    policy_refusals = f"invalid-body, {_PASSWORD}"
    return {
        "/register": {
            "post": _operation(
                "Make an account and sign it in; where addresses are verified, mail a link instead (202)",
                body="Registration",
                done={201: "SignIn", 202: None},
                problems={
                    **_BODY,
                    401: "invalid-credentials",
                    403: "cross-site, registration-closed",
                    409: "email-taken",
                    422: policy_refusals,
                    429: "too-many-attempts",
                    **_STORE,
                },
                cookie=True,
            )
        },
        "/login": {
            "post": _operation(
                "Sign in",
                body="Credentials",
                done={200: "SignIn"},
                problems={
                    **_BODY,
                    **_SITE,
                    401: "invalid-credentials",
                    422: "invalid-body, password-too-long",
                    429: "too-many-attempts",
                    **_STORE,
                },
                cookie=True,
            )
        },
        "/refresh": {
            "post": _operation(
                "Exchange the refresh token",
                done={200: "Grant"},
                problems={
                    **_BODY,
                    400: "invalid-idempotency-key, malformed-request",
                    **_SITE,
                    401: "session-ended, no-session",
                    409: "refresh-superseded, session-mismatch",
                    429: "too-many-attempts",
                    **_STORE,
                },
                cookie=True,
                keyed=True,
            )
        },
        "/logout": {
            "post": _operation(
                "End the session of the cookie and of the bearer token",
                done={204: None},
                problems={**_BODY, **_SITE, 409: "session-mismatch", **_STORE},
                cookie=True,
            )
        },
        "/logout-all": {
            "post": _operation(
                "End every session of the account",
                done={204: None},
                problems={**_BODY, **_RECENT},
                bearer=True,
            )
        },
        "/logout-others": {
            "post": _operation(
                "End every session of the account but the one of the access token",
                done={204: None},
                problems={**_BODY, **_RECENT},
                bearer=True,
            )
        },
        "/sessions": {
            "get": _operation("Where the account is signed in", done={200: "Sessions"}, problems=_BEARER, bearer=True)
        },
        "/sessions/{sid}": {
            "parameters": [{"name": "sid", "in": "path", "required": True, "schema": _SID}],
            "delete": _operation(
                "End one session",
                done={204: None},
                problems={**_BODY, **_RECENT, 404: "not-found"},
                bearer=True,
            ),
        },
        "/password": {
            "post": _operation(
                "Change the password; every other session ends",
                body="PasswordChange",
                done={204: None},
                problems={
                    **_BODY,
                    **_BEARER,
                    403: "invalid-credentials, not-offered",
                    409: "password-changed",
                    422: policy_refusals,
                    429: "too-many-attempts",
                },
                bearer=True,
            )
        },
        "/me": {"get": _operation("The account", done={200: "Account"}, problems=_BEARER, bearer=True)},
        "/jwks.json": {
            "get": _operation("The public keys", done={200: "Jwks"}, problems={}, media_type="application/jwk-set+json")
        },
        "/openapi.json": {"get": _operation("This document", done={200: "Document"}, problems={})},
        "/gatepass.js": {
            "get": _operation(
                "The browser client",
                done={200: "Script", 304: None},
                problems={404: "not-found"},
                media_type="text/javascript",
            )
        },
    }


def _operation(
    summary: str,
    *,
    done: Mapping[int, str | None],
    problems: Mapping[int, str],
    body: str | None = None,
    bearer: bool = False,
    cookie: bool = False,
    keyed: bool = False,
    media_type: str = "application/json",
) -> Json:
    operation: Json = {"summary": summary, "responses": {}}
    for status, schema in done.items():
        content = {} if schema is None else {"content": {media_type: {"schema": _answer(schema)}}}
        operation["responses"][str(status)] = {"description": "Done", **content}
    for status, codes in sorted(problems.items()):
        content = {"content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
        operation["responses"][str(status)] = {"description": codes, **content}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    if bearer:
        operation["security"] = [{"bearer": []}]
    if cookie:
        operation["parameters"] = [{**_CLIENT, "required": not keyed}, *(_KEYED if keyed else ()), _BELIEVED]
    return operation


def _header(name: str, description: str, schema: Json | None = None) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema or _TEXT}


# Idempotency-Key does for Gatepass-Client: refresh takes either, and OpenAPI has no word for that.
_CLIENT = _header("Gatepass-Client", "1: a request that no page elsewhere can forge")
_KEY: Json = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,9})\.[A-Za-z0-9_-]{22}$", "maxLength": 33}
_KEYED = [_header("Idempotency-Key", "<generation>.<22 characters>: PROTOCOL section 5", _KEY)]
_BELIEVED = _header("Gatepass-Session", "The session that the client believes in")


def _answer(schema: str) -> Json:
    plain = {"Document": "object", "Script": "string"}.get(schema)
    return {"type": plain} if plain else _ref(schema)


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, Any]) -> Json:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}
