"""The page of events lists every event as the code has it, and none besides."""

import dataclasses
import re
from pathlib import Path
from typing import get_args

from gatepass.core import event
from gatepass.core.event import Event, RefreshCase
from gatepass.core.session import EndReason

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "events.md").read_text("utf-8")
EVENTS = [kind for kind in vars(event).values() if isinstance(kind, type) and issubclass(kind, Event) and kind != Event]
OF_ALL = {field.name for field in dataclasses.fields(Event)}
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)


def listed() -> dict[str, tuple[str, list[str]]]:
    """Name → level and facts, as the tables say. Fails at an event that stands twice."""
    rows = _ROW.findall(PAGE)
    assert len({name for name, *_ in rows}) == len(rows)
    return {name: (level, re.findall(r"`(\w+)`", facts)) for name, level, _, facts in rows}


def words(name: str) -> set[str]:
    """The values that the page gives for a fact."""
    (line,) = re.findall(rf"^`{name}`: (.+)$", PAGE, flags=re.MULTILINE)
    return set(re.findall(r"`(\w+)`", line))


def test_every_event_is_listed_with_its_level_and_all_its_facts() -> None:
    facts = {
        kind.name: [field.name for field in dataclasses.fields(kind) if field.name not in OF_ALL] for kind in EVENTS
    }
    assert listed() == {kind.name: (kind.level, facts[kind.name]) for kind in EVENTS}
    assert all(f"`{name}`" in PAGE for name in OF_ALL)


def test_what_may_be_missing_is_said_to_be() -> None:
    for name, _, _, facts in _ROW.findall(PAGE):
        (kind,) = (kind for kind in EVENTS if kind.name == name)
        optional = {field.name for field in dataclasses.fields(kind) if "None" in str(field.type)}
        assert set(re.findall(r"`(\w+)` or null", facts)) == optional, name


def test_the_words_of_each_fact_are_the_ones_there_are() -> None:
    assert words("case") == set(get_args(RefreshCase))
    assert words("reason") == set(get_args(EndReason))
