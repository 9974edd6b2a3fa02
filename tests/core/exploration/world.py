"""A state of the world, and its normal form.

Only differences between tokens matter, never how old the session is. So after every move the world is
re-rooted: what all tokens that can still be presented have in common is cut from their names, and ancestors
that nobody could present are forgotten. Two states with one normal form have the same future; that is what
makes the search end.

Resources are bounded (how many requests are on their way, how far a jar rolls back, how many refreshes a
message may be overtaken by, how many swaps a store forgets); the number of moves is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from tests.core.exploration.names import LOST, STALE, generation, identity, parent
from tests.core.exploration.server import Row

Flight = tuple[str, ...] | tuple[str, int]
"""A message or a step under way:

("header", g)                        a client has read generation g for its header, and not yet the cookie
("sent", token, key)                 on its way to the server, or in it before any decision
("swap", party, token, key, row)     decided upon when `row` was committed, not yet swapped
("answer", token)                    on its way back with this token as cookie
("notice", g)                        a 409 without token that names the generation of the presented one
"""
Thief = Literal["none", "keyless", "keyed", "any", "recorded"]
"""Which keys the thief presents: none, own ones, both, or both and that of the one request he recorded."""

OWNER_USED, THIEF_USED, OWNER_USED_SUCCESSOR, THIEF_USED_SUCCESSOR = 1, 2, 4, 8


@dataclass(frozen=True)
class Scenario:
    """The resources of one exploration."""

    name: str
    flights: int = 2
    """Requests of the owner (and swaps of the thief) under way at once: tabs without any lock between them."""
    keyed: bool = True
    two_moments: bool = False
    """Whether header and cookie are read at different moments."""
    rollback: int = 0
    """By how many generations a killed browser's jar goes back."""
    lag: int = 3
    """How many refreshes a message can be overtaken by; after that it counts as lost."""
    forget: int = 0
    """How many generations a store that fails over goes back, at most, from the newest it had."""
    fails_once: bool = False
    """Whether there is only one fail-over."""
    logout: bool = False
    rollout: bool = False
    """Whether servers with the new secret first and servers with the old one first answer side by side."""
    thief: Thief = "none"
    conflict: Literal["first refresh", "first use of a successor"] = "first refresh"
    """When P2 wants the session ended."""
    thief_races: bool = False
    """Whether others can come between the thief's find and his swap, as they can between the owner's."""
    window: int = 16
    """How many ancestors the store keeps. The table does not know the number; a thief's scenario has fewer."""


class World(NamedTuple):
    """Everything that can make a difference later. Tokens by name."""

    row: Row = Row()
    past: tuple[Row, ...] = ()
    """Rows that a fail-over may bring back, newest first."""
    jar: str = "o"
    cookie: int = 0
    """The generation in the state cookie."""
    peak: int = 0
    """The highest generation that the jar has ever had."""
    flights: tuple[Flight, ...] = ()
    copied: str = ""
    """The token that the thief copied."""
    recorded: bool = False
    """Whether he recorded the request that presented it, key included."""
    loot: tuple[str, ...] = ()
    """Successors that the thief was given."""
    used: int = 0
    """Who has refreshed with the copied token or a descendant, and who with a descendant (the four bits above)."""
    logged_out: bool = False
    failed_over: bool = False


@cache
def flight_token(flight: Flight) -> str | None:
    """The token that a flight carries."""
    match flight:
        case ("sent", str(token), _) | ("answer", str(token)) | ("swap", _, str(token), _, _):
            return token
        case _:
            return None


@cache
def flight_generation(flight: Flight) -> int:
    """The generation that a flight speaks of."""
    token = flight_token(flight)
    if token is not None:
        return generation(token)
    number = flight[1]
    assert isinstance(number, int)
    return number


def rows(world: World) -> tuple[Row, ...]:
    """The row and those that may come back."""
    return (world.row, *world.past)


def tokens(world: World) -> Iterator[str]:
    """Every token that somebody holds or that is under way."""
    yield world.jar
    yield from filter(None, map(flight_token, world.flights))
    yield from world.loot
    if world.copied:
        yield world.copied


def normalise(world: World, scenario: Scenario) -> World:
    """The normal form of a world."""
    world = _drop_overtaken(world, scenario)
    if world.row.revoked:
        world = _bury(world)
    elif world.copied:
        world = _set_strangers_aside(world)
    depth = _shared_depth(world, scenario)
    root = world.row.committed[:depth]
    flights = [_cut_flight(flight, depth) for flight in world.flights]
    return World(
        row=_cut_row(world.row, root),
        past=tuple([_cut_row(row, root) for row in world.past]),
        jar=_cut(world.jar, depth),
        cookie=0 if world.jar == STALE else world.cookie - depth,
        peak=0 if world.jar == STALE else world.peak - depth,
        flights=tuple(sorted(flights, key=_order) if len(flights) > 1 else flights),
        copied=_cut(world.copied, depth),
        recorded=world.recorded,
        loot=tuple(sorted([_cut(token, depth) for token in world.loot])),
        used=world.used,
        logged_out=world.logged_out,
        failed_over=world.failed_over,
    )


@cache
def _order(flight: Flight) -> str:
    """Any order will do, so that it is one: flights are of different kinds."""
    return repr(flight)


def _drop_overtaken(world: World, scenario: Scenario) -> World:
    oldest = generation(world.row.committed) - scenario.lag
    durable = max(generation(world.row.committed), world.peak - 1) - scenario.forget
    flights = tuple([flight for flight in world.flights if flight_generation(flight) >= oldest])
    past = tuple([row for row in world.past if generation(row.committed) >= durable])
    if (len(flights), len(past)) == (len(world.flights), len(world.past)):
        return world
    return world._replace(flights=flights, past=past)


def _bury(world: World) -> World:
    """Of an ended session only what could bring it back (P8)."""
    coming = tuple(flight for flight in world.flights if flight[0] in ("sent", "swap"))
    ended = Row(committed=world.row.committed, revoked=True)
    return World(row=ended, jar=STALE, flights=coming, logged_out=world.logged_out, used=world.used & THIEF_USED)


def _set_strangers_aside(world: World) -> World:
    """Tokens that every store would take for strangers: of owner and thief one becomes STALE, others are let go."""
    moving = {flight_token(flight) for flight in world.flights if flight[0] == "swap"}
    known = {world.row.committed, *moving}
    for row in rows(world):
        known.add(row.committed)
        known.update(token for token, _ in row.ancestors)
    oldest = min(generation(row.committed) for row in rows(world))

    def is_stranger(token: str) -> bool:
        known_or_late = identity(token) in known or parent(token) in known
        return token == STALE or (token != "" and not known_or_late and generation(token) <= oldest)

    if is_stranger(world.jar):
        world = world._replace(jar=STALE, cookie=0, peak=0)
    return world._replace(
        flights=tuple(flight for flight in world.flights if not is_stranger(flight_token(flight) or "")),
        copied=STALE if is_stranger(world.copied) else world.copied,
        loot=tuple(token for token in world.loot if not is_stranger(token)),
    )


def _shared_depth(world: World, scenario: Scenario) -> int:
    names = [parent(token) for token in tokens(world) if token != STALE]
    names += [row.committed for row in rows(world)]
    names += [expected for expected in map(_expected_row, world.flights) if expected is not None]
    first, last = min(names), max(names)
    deepest = next((place for place, letter in enumerate(first) if last[place] != letter), len(first))
    if scenario.rollback and world.jar != STALE:
        return min(deepest, max(0, world.peak - scenario.rollback))
    return deepest


def _expected_row(flight: Flight) -> str | None:
    match flight:
        case ("swap", _, _, _, str(expected)):
            return expected
        case _:
            return None


def _cut(token: str, depth: int) -> str:
    return token if token in ("", STALE) else token[depth:]


@cache
def _cut_row(row: Row, root: str) -> Row:
    """Cut the root from a row. Ancestors older than the root go; those on other branches keep their place."""
    depth = len(root)
    reach = len(row.committed) - depth
    ancestors = tuple(
        (token[depth:] if token.startswith(root) else LOST, key if token.startswith(root) or token == LOST else "-")
        for token, key in row.ancestors[:reach]
    )
    return row._replace(committed=row.committed[depth:], ancestors=ancestors)


@cache
def _cut_flight(flight: Flight, depth: int) -> Flight:
    match flight:
        case ("header" | "notice" as kind, int(number)):
            return (kind, number - depth)
        case ("sent", str(token), str(key)):
            return ("sent", _cut(token, depth), key)
        case ("answer", str(token)):
            return ("answer", token[depth:])
        case ("swap", str(party), str(token), str(key), str(expected)):
            return ("swap", party, _cut(token, depth), key, expected[depth:])
        case _:
            raise AssertionError(flight)
