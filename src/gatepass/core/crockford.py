"""Codes that people read from paper and type: base 32 in Crockford's alphabet, in which no two characters look alike.

There is no I, L, O and U. A typed I or L means 1, and O means 0; case, spaces and hyphens do not matter.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_MEANT = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, "‐": None, "–": None})
_BITS = 5


def encode(raw: bytes) -> str:
    """The characters of `raw`, five bits each. Raises ValueError unless the bits are a multiple of five."""
    count, surplus = divmod(8 * len(raw), _BITS)
    if surplus:
        raise ValueError("only whole characters are written: 5, 10, 15 … bytes")
    number = int.from_bytes(raw, "big")
    return "".join(ALPHABET[number >> _BITS * place & 31] for place in reversed(range(count)))


def decode(text: str, *, length: int) -> bytes | None:
    """The bytes of a code of `length` characters, however it was typed; None for what is none."""
    meant = text.upper().translate(_MEANT)
    if len(meant) != length or not all(character in _VALUES for character in meant):
        return None
    number = 0
    for character in meant:
        number = number << _BITS | _VALUES[character]
    return number.to_bytes(length * _BITS // 8, "big")


def grouped(code: str, *, size: int = 4) -> str:
    """A code in groups with hyphens between them, as it is shown."""
    return "-".join(code[start : start + size] for start in range(0, len(code), size))
