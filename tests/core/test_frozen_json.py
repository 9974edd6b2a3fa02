"""What several requests share cannot be changed by one of them (F6)."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from gatepass.core.frozen_json import frozen

PLAIN: dict[str, Any] = {"sub": "ann", "roles": ["editor"], "tenant": {"id": 7, "tags": [["a"]]}}
CHANGES: list[Callable[[Any], object]] = [
    lambda claims: claims.update(sub="root"),
    lambda claims: claims.__setitem__("sub", "root"),
    lambda claims: claims.pop("sub"),
    lambda claims: claims.popitem(),
    lambda claims: claims.setdefault("x", 1),
    lambda claims: claims.clear(),
    lambda claims: claims.__delitem__("sub"),
    lambda claims: claims.__ior__({"sub": "root"}),
    lambda claims: claims["roles"].append("admin"),
    lambda claims: claims["roles"].extend(["admin"]),
    lambda claims: claims["roles"].__iadd__(["admin"]),
    lambda claims: claims["roles"].__imul__(2),
    lambda claims: claims["roles"].insert(0, "admin"),
    lambda claims: claims["roles"].__setitem__(0, "admin"),
    lambda claims: claims["roles"].remove("editor"),
    lambda claims: claims["roles"].pop(),
    lambda claims: claims["roles"].clear(),
    lambda claims: claims["roles"].sort(),
    lambda claims: claims["roles"].reverse(),
    lambda claims: claims["roles"].__delitem__(0),
    lambda claims: claims["tenant"].update(id=8),
    lambda claims: claims["tenant"]["tags"][0].append("b"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_level_can_be_changed(change: Callable[[Any], object]) -> None:
    claims = frozen(PLAIN)
    with pytest.raises(TypeError, match="change a copy"):
        change(claims)
    assert claims == PLAIN


def test_it_is_read_written_pickled_and_copied_as_plain_json() -> None:
    claims = frozen(PLAIN)
    assert json.loads(json.dumps(claims)) == PLAIN
    again: Any = pickle.loads(pickle.dumps(claims))
    assert again == PLAIN
    with pytest.raises(TypeError):
        again["roles"].append("admin")
    copied: Any = copy.deepcopy(dict(claims))
    copied["roles"].append("admin")
    assert claims == PLAIN
