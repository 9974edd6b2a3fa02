"""The OpenAPI 3.1 description of the endpoints, made from their declarations.

Every status that an endpoint can answer is listed, with the codes of its problem documents, so that a generated client
or a fuzzer finds nothing undeclared. What follows from a declaration is added here: `_problems` and `_parameters`.
"""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gatepass.accounts.hooks import Hooks
from gatepass.core.policy import Policy
from gatepass.server.endpoint import Answer, Endpoint
from gatepass.server.http import FORM
from gatepass.server.openapi.schemas import SID, TEXT, Json, object_of, ref, schemas_of
from gatepass.wire.bodies import BINDING_SECRET
from gatepass.wire.extra_members import schema_of
from gatepass.wire.problems import MEDIA_TYPE

_PLAIN: Mapping[Answer, str] = {"Document": "object", "Page": "string", "Script": "string"}
_PROVIDER: Json = {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": 32}
_PATH_PARAMETERS = {"sid": SID, "id": SID, "name": _PROVIDER}
PREFIX = "Gatepass"
"""Of names in the document of an application."""


def describe(endpoints: Iterable[Endpoint], policy: Policy, hooks: Hooks | None = None) -> Json:
    """The document. Paths are relative to the mount. `hooks` of the application add members to bodies, and refuse."""
    declared = list(endpoints)
    document = _describe(declared, policy)
    if hooks is not None:
        for endpoint in declared:
            _add_hooks(document, endpoint, hooks)
    return document


def _add_hooks(document: Json, endpoint: Endpoint, hooks: Hooks) -> None:
    """Add the members that models of the application declare, and that its hooks may refuse with any 4xx."""
    if endpoint.act is None:
        return
    if endpoint.body is not None:
        _add_members(document["components"]["schemas"], endpoint.body, hooks.models(endpoint.act))
    if hooks.of("before", endpoint.act):
        problem = {"content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
        responses = document["paths"][endpoint.path][endpoint.method.lower()]["responses"]
        responses["4XX"] = {"description": "app:… of a rule of the application", **problem}
        responses["503"]["description"] += ", hook-timeout"


def _add_members(schemas: Json, body: type[BaseModel], models: Sequence[type[BaseModel]]) -> None:
    members = schemas[body.__name__]
    for model in models:
        schema = schema_of(model, refs="#/components/schemas/Application{model}")
        schemas |= {f"Application{name}": each for name, each in schema.get("$defs", {}).items()}
        members["properties"] |= schema.get("properties", {})
        members["required"] = list(dict.fromkeys([*members.get("required", ()), *schema.get("required", ())]))


def _describe(declared: Sequence[Endpoint], policy: Policy) -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gatepass",
            "version": "1",
            "description": f"Access tokens live {policy.access_ttl} s; refresh tokens live in a cookie.",
        },
        "servers": [{"url": "."}],
        "paths": _paths(declared),
        "components": {
            "schemas": schemas_of(declared, policy),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def include(described: Json, into: Json, *, mount: str, scheme: str) -> None:
    """Add a described document to that of an application, in which the endpoints are mounted. Idempotent.

    Schemas and operations get a prefix, so that none of the application's is replaced; `scheme` is the name of the
    guard's security scheme there.
    """
    names = {"bearer": scheme}

    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {names.get(name, name): renamed(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [renamed(member) for member in value]
        if key == "$ref":
            return value.replace("/schemas/", f"/schemas/{PREFIX}")
        return f"{PREFIX}{value}" if key == "operationId" else value

    components = into.setdefault("components", {})
    schemas, schemes = components.setdefault("schemas", {}), components.setdefault("securitySchemes", {})
    for name, schema in described["components"]["schemas"].items():
        schemas[PREFIX + name] = renamed(schema)
    schemes.setdefault(scheme, described["components"]["securitySchemes"]["bearer"])
    for path, item in described["paths"].items():
        into["paths"][mount.rstrip("/") + path] = {
            name: {**renamed(operation), "tags": ["Gatepass"]} if isinstance(operation, dict) else renamed(operation)
            for name, operation in item.items()
        }


def _paths(endpoints: Iterable[Endpoint]) -> Json:
    paths: Json = {}
    for endpoint in endpoints:
        item = paths.setdefault(endpoint.path, {})
        item[endpoint.method.lower()] = _operation(endpoint)
        for name in re.findall(r"\{(\w+)\}", endpoint.path):
            item["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}]
    return paths


def _operation(endpoint: Endpoint) -> Json:
    responses = {str(status): _done(answer, endpoint.media_type) for status, answer in endpoint.done.items()}
    if endpoint.links:
        responses[str(min(endpoint.done))]["links"] = dict(endpoint.links)
    for status, codes in sorted(_problems(endpoint).items()):
        content = {MEDIA_TYPE: {"schema": ref("Problem")}}
        if endpoint.by_navigation:
            content[endpoint.media_type] = {"schema": TEXT}
        responses[str(status)] = {"description": ", ".join(codes), "content": content}
    operation: Json = {"operationId": endpoint.name, "summary": _summary(endpoint), "responses": responses}
    if endpoint.body is not None:
        schema = {"schema": ref(endpoint.body.__name__)}
        is_required = any(field.is_required() for field in endpoint.body.model_fields.values())
        operation["requestBody"] = {"required": is_required, "content": {"application/json": schema}}
    if endpoint.form:
        members = {name: {**TEXT, "description": what} for name, what in endpoint.form.items()}
        operation["requestBody"] = {"required": True, "content": {FORM: {"schema": object_of(members)}}}
    if _needs_token(endpoint):
        operation["security"] = [{"bearer": []}]
    if endpoint.cross_site:
        operation["parameters"] = _parameters(endpoint)
    if endpoint.query:
        operation["parameters"] = [
            {"name": name, "in": "query", "description": what, "schema": TEXT} for name, what in endpoint.query.items()
        ]
    return operation


def _problems(endpoint: Endpoint) -> dict[int, list[str]]:
    """Status → codes: those that follow from the declaration, then those of the endpoint alone."""
    found: dict[int, list[str]] = {}
    if endpoint.method != "GET":
        found[400] = ["malformed-json"] * (endpoint.body is not None) + ["invalid-proof"] * endpoint.proven
        if endpoint.body is not None and BINDING_SECRET in endpoint.body.model_fields:
            found[400].append("invalid-binding-secret")
        found[400].append("malformed-request")
        found |= {408: ["request-timeout"], 413: ["body-too-large"], 415: ["unsupported-media-type"]}
    if endpoint.cross_site or endpoint.by_browser:
        found[403] = ["cross-site"]
    if endpoint.body is not None:
        found[422] = ["invalid-body"]
    if _needs_token(endpoint):
        found[401] = ["token-required", "invalid-token"] + ["insufficient-user-authentication"] * endpoint.recent
    if endpoint.cross_site or endpoint.by_browser or _needs_token(endpoint):
        found[503] = ["store-unavailable", "unknown-key", "overloaded", "not-ready"]
    for status, codes in endpoint.problems.items():
        found.setdefault(status, []).append(codes)
    return found


def _needs_token(endpoint: Endpoint) -> bool:
    return endpoint.bearer or endpoint.recent


def _summary(endpoint: Endpoint) -> str:
    return (inspect.getdoc(endpoint.handler) or "").partition("\n")[0].rstrip(".")


def _parameters(endpoint: Endpoint) -> list[Json]:
    """The headers of an endpoint where cookies count."""
    # Gatepass-Proof replaces Gatepass-Client: refresh takes either, which OpenAPI cannot express.
    return [{**_CLIENT, "required": not endpoint.proven}, *([_PROVEN] if endpoint.proven else ()), _EXPECTED]


def _header(name: str, description: str, schema: Json | None = None) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema or TEXT}


_CLIENT = _header("Gatepass-Client", "1: a request that no page elsewhere can forge")
_PROOF: Json = {
    "type": "string",
    "pattern": r"^(0|[1-9][0-9]{0,9})\.[A-Za-z0-9_-]{11}\.[A-Za-z0-9_-]{22}$",
    "maxLength": 45,
}
_PROVEN = _header("Gatepass-Proof", "<generation>.<challenge>.<22 characters>: PROTOCOL section 5", _PROOF)
_EXPECTED = _header("Gatepass-Session", "The session that the client expects")


def _done(answer: Answer | None, media_type: str) -> Json:
    if answer is None:
        return {"description": "Done"}
    schema = {"type": _PLAIN[answer]} if answer in _PLAIN else ref(answer)
    return {"description": "Done", "content": {media_type: {"schema": schema}}}
