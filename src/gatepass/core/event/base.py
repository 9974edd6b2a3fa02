"""What every event has."""

from dataclasses import dataclass
from typing import ClassVar, Literal

Level = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is Unix seconds; `address` is a coarse network prefix, never a full address."""

    name: ClassVar[str]
    level: ClassVar[Level] = "info"
    at: int
    address: str = ""
