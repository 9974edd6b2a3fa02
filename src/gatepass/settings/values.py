"""How settings are written: durations, ages, times, rates and lists."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.core.rate import Rate

_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


def parse_duration(text: object) -> object:
    """`30s`, `15m`, `12h`, `7d` as seconds; a number is one already."""
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a duration is a number and a unit: 30s, 15m, 12h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def _split(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def parse_max_age(text: object) -> object:
    """A duration, or `never`."""
    return math.inf if text == "never" else parse_duration(text) if isinstance(text, str) else text


def _parse_switched(text: object) -> object:
    """A duration, or `off`, which is none."""
    return 0 if text == "off" else parse_duration(text)


def parse_moment(text: object) -> int:
    """A time as Unix seconds: 2026-11-29T12:00:00Z (ISO 8601, UTC unless it says otherwise), or the seconds themselves.

    Raises ValueError.
    """
    if isinstance(text, int):
        return text
    try:
        if not isinstance(text, str) or text.isdecimal():
            return int(str(text))
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a time is such as 2026-11-29T12:00:00Z, or Unix seconds") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _parse_rate(text: object) -> object:
    return Rate.parse(text) if isinstance(text, str) else text


Duration = Annotated[int, BeforeValidator(parse_duration)]
Moment = Annotated[int, BeforeValidator(parse_moment)]
LimitRate = Annotated[Rate, NoDecode, BeforeValidator(_parse_rate)]
SwitchedDuration = Annotated[int, BeforeValidator(_parse_switched)]
MaxAge = Annotated[float, BeforeValidator(parse_max_age)]
KeyIds = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
