"""Claims in a type of the application's, checked where the guard lets the caller in.

    class Claims(BaseModel, frozen=True):
        roles: tuple[str, ...] = ()

    def remove(caller: Annotated[Principal[Claims], requires(claims=Claims)]): ...   # caller.claims.roles

A pydantic model or a dataclass must be frozen: what a guard has checked, no handler may change. A TypedDict (before
Python 3.12 that of typing_extensions) becomes a dict that refuses changes, in any depth.
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from gatepass.core.frozen_json import frozen
from gatepass.core.strict_json import Json
from gatepass.errors import ConfigurationError

Kind = TypeVar("Kind")


def read_claims(kind: type[Kind], claims: Mapping[str, Json]) -> Kind:
    """The claims of a token as `kind`. Raises ValueError if they do not fit, ConfigurationError for a wrong `kind`."""
    try:
        return cast(Kind, reader_of(cast(Hashable, kind))(dict(claims)))
    except ValidationError as misfit:
        places = sorted({".".join(map(str, fault["loc"])) for fault in misfit.errors()})
        # Only the names: the values are a person's.
        raise ValueError(f"claims do not fit {kind.__name__}: {', '.join(places)}") from None


@functools.cache
def reader_of(kind: Any) -> Callable[[dict[str, Json]], Any]:
    """What makes a `kind` of claims. Raises ConfigurationError for one that could be changed."""
    if issubclass(kind, dict) and hasattr(kind, "__total__"):  # a TypedDict, of `typing` or of `typing_extensions`
        checked = _checker_of(kind)
        return lambda claims: frozen(checked(claims))
    if dataclasses.is_dataclass(kind):
        is_frozen = bool(vars(kind)["__dataclass_params__"].frozen)
    else:
        is_frozen = issubclass(kind, BaseModel) and kind.model_config.get("frozen", False)
    if not is_frozen:
        raise ConfigurationError(
            f"{kind.__name__} cannot hold claims: use a TypedDict, a frozen dataclass, or a pydantic model with "
            "frozen=True. Claims must not change while a request is handled."
        )
    return _checker_of(kind)


def _checker_of(kind: Any) -> Callable[[dict[str, Json]], Any]:
    try:
        return TypeAdapter(kind).validate_python
    except PydanticUserError as fault:  # such as a TypedDict of `typing` before Python 3.12
        raise ConfigurationError(f"{kind.__name__} cannot hold claims: {fault.message}") from None
