"""A class of values that are made in each request: they are never changed, and the type checker sees to that.

    @value
    class Swap:
        sid: bytes
        now: int

    swap.now = 0        mypy: Property "now" defined in "Swap" is read-only

A frozen dataclass refuses that at run time too, and pays for it by a call for each field of each object, which is
several microseconds of a refresh. So it is for what the application gets (sessions, events, options), and this is for
what stays inside.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[Class]) -> type[Class]:
    """A dataclass with slots, which is compared and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
