"""JSON members that an application adds to a body, declared by pydantic models of its own.

    POST /register  {"email": …, "password": …, "company": "acme"}      class SignUp(BaseModel): company: str

Everything that no model declares stays refused. Each model sees its own members alone, and checks them by its own
rules; what is wrong is a 422 that names the member.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gatepass.core.strict_json import Json, dump
from gatepass.wire.bodies import invalid_body, read

Body = TypeVar("Body", bound=BaseModel)
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Extras:
    """The added members of one body, by the models that declare them."""

    by_model: Mapping[type[BaseModel], BaseModel] = field(default_factory=dict, repr=False)
    members: Mapping[str, Json] = field(default_factory=dict, repr=False)

    def of(self, model: type[BaseModel] | None) -> BaseModel | None:
        """The members as this model; None if the request could not bring them."""
        return None if model is None else self.by_model.get(model)

    def kept_for(self, models: Iterable[type[BaseModel]]) -> str:
        """The members of these models as JSON, to be read again by `read_kept`; "" for none."""
        names = {name for model in models for name in members_of(model)}
        kept = {name: value for name, value in self.members.items() if name in names}
        return dump(kept).decode() if kept else ""


NO_EXTRAS = Extras()


def read_with(body: type[Body], raw: bytes, models: Sequence[type[BaseModel]]) -> tuple[Body, Extras]:
    """The body, and the added members. Raises as `bodies.read`."""
    if not models:
        return read(body, raw), NO_EXTRAS
    wide = read(_open(body), raw)
    given: Mapping[str, Json] = wide.model_extra or {}
    declared = {name for model in models for name in members_of(model)}
    if not declared.issuperset(given):  # text of the caller, so it is not repeated
        raise invalid_body({"(unknown member)": "Extra inputs are not permitted"})
    return wide, Extras({model: _validated(model, given) for model in models}, given)


def read_kept(model: type[Model], kept: str) -> Model:
    """The members of a model among those that `kept_for` has put down. Raises ValidationError if they do not fit."""
    wide: Mapping[str, Json] = _AnyMembers.model_validate_json(kept or "{}").model_extra or {}
    return model.model_validate_json(dump(_own(model, wide)))


@functools.cache
def members_of(model: type[BaseModel]) -> frozenset[str]:
    """The names of a model's members, as they stand in JSON."""
    return frozenset(schema_of(model).get("properties", ()))


def schema_of(model: type[BaseModel], *, refs: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of what a request must bring."""
    return model.model_json_schema(mode="validation", ref_template=refs)


@functools.cache
def _open(body: type[Body]) -> type[Body]:
    """The same body that keeps unknown members, for a model of the application to look at.

    A subclass, so passwords become secrets in it as ever, and stand in no dictionary.
    """
    return type(
        body.__name__, (body,), {"model_config": {"extra": "allow"}, "__doc__": body.__doc__, "__module__": __name__}
    )


class _AnyMembers(BaseModel, extra="allow"):
    pass


def _own(model: type[BaseModel], members: Mapping[str, Json]) -> dict[str, Json]:
    names = members_of(model)
    return {name: value for name, value in members.items() if name in names}


def _validated(model: type[Model], members: Mapping[str, Json]) -> Model:
    """Raises Unprocessable (`invalid-body`), which names members and never their values."""
    try:
        return model.model_validate_json(dump(_own(model, members)))
    except ValidationError as invalid:
        faults = invalid.errors(include_url=False, include_context=False, include_input=False)
    raise invalid_body({str(fault["loc"][0]) if fault["loc"] else "(body)": fault["msg"] for fault in faults})
