"""JSON as it goes out is compact, ASCII and whole, whatever stands in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.json_text import dump

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert json.loads(dump(value)) == value


@given(st.text())
def test_no_letter_leaves_the_line(text: str) -> None:
    """Neither a control character nor a separator nor a sign that turns the direction of text."""
    written = dump({"x": text})
    assert all(0x20 <= byte < 0x80 for byte in written)


def test_there_is_no_space_in_it() -> None:
    assert dump({"a": [1, 2], "b": None}) == b'{"a":[1,2],"b":null}'


def test_half_of_a_surrogate_pair_is_escaped_like_everything_else() -> None:
    assert dump({"a": "\ud800", "b": [1, 2]}) == b'{"a":"\\ud800","b":[1,2]}'


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError):
        dump({"a": object()})
