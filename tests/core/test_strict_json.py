"""JSON that goes out is compact and ASCII; JSON that comes in says one thing to every reader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.strict_json import dump, load

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
    assert json.loads(dump(value)) == load(dump(value)) == value


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a": 1, "a": 2}', "duplicate name"),
        (b'[{"b": {"a": 1, "a": 1}}]', "duplicate name"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"{} {}", "not JSON"),
        (b"", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"\x0b{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        load(text)


def test_space_around_a_value_is_no_part_of_it() -> None:
    assert load(b" \t\r\n [1] \n") == [1]
