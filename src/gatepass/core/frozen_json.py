"""JSON values that cannot be changed, for what several requests share.

    claims = frozen({"roles": ["editor"]})
    claims["roles"].append("admin")     # TypeError
    dict(claims)                        # a copy, whose first level can be changed; copy.deepcopy for all levels

They are dicts and lists: `json.dumps` writes them, and they equal plain ones.
"""

import copy
from collections.abc import Mapping
from typing import Any, NoReturn

from gatepass.core.strict_json import Json


def frozen(value: Mapping[str, Json]) -> Mapping[str, Json]:
    """The same members, in a dict that refuses changes, as do all dicts and lists in it."""
    return FrozenDict({name: _frozen(member) for name, member in value.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return frozen(value)
    return FrozenList(map(_frozen, value)) if isinstance(value, list) else value


def _refuse(*_arguments: object, **_named: object) -> NoReturn:
    raise TypeError("this is shared with other requests and cannot be changed: change a copy (copy.deepcopy)")


class FrozenDict(dict[str, Any]):
    """A dict that refuses changes."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (frozen, (dict(self),))

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(dict(self), memo)


class FrozenList(list[Any]):
    """A list that refuses changes."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = clear = extend = insert = pop = remove = reverse = (
        sort
    ) = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (_frozen, (list(self),))

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return copy.deepcopy(list(self), memo)
