"""A state of the world, and its normal form.

Only differences between tokens matter, never how old the session is. So after every move the world is re-rooted: what
all unbound tokens that can still be presented have in common is cut from their names, and generations count from the
oldest row. Two states with one normal form have the same future; that is what makes the search end.

Resources are bounded (how many requests are on their way, how far a jar rolls back, how many refreshes a message may
be overtaken by, how many swaps a store forgets); the number of moves is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from tests.core.exploration.names import LOST, STALE, Token
from tests.core.exploration.server import Request, Row

Flight = (
    tuple[Literal["sent"], Request]
    | tuple[Literal["swap"], str, Request, Token, str]
    | tuple[Literal["header", "answer", "notice"], Token]
)
"""A message or a step under way:

("header", token)                    a client has read the state of `token` for its proof, and not yet the cookie
("sent", request)                    on its way to the server, or in it before any decision
("swap", party, request, row, key)   decided upon when `row` was committed under `key`, not yet swapped
("answer", token)                    on its way back with this token as cookie
("notice", token)                    a 409 without refresh token that names the state of the presented one
"""
Thief = Literal["none", "keyless", "keyed", "any", "recorded", "profile"]
"""Which keys the thief presents: none, one of his own, both, both and the proof of one request that he recorded, or the
owner's, from a copy of the whole profile.
"""
Bound = Literal["at sign-in", "by a refresh", "never"]

OWNER_USED, THIEF_USED, OWNER_USED_SUCCESSOR, THIEF_USED_SUCCESSOR = 1, 2, 4, 8


@dataclass(frozen=True)
class Scenario:
    """The resources of one exploration."""

    name: str
    bound: Bound = "at sign-in"
    flights: int = 2
    """Requests of the owner (and swaps of the thief) under way at once: tabs without any lock between them."""
    two_moments: bool = False
    """Whether state cookie and refresh cookie are read at different moments."""
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
    forwards: bool = False
    """Whether a server that renders presents the owner's cookie, without the key, at any time."""
    device: bool = False
    """Whether the browser may register a device. Its cookie never runs out unseen: browsers ask for the next one."""
    device_lost: bool = False
    """Whether the browser may lose its device for good, as after an error that it takes for the end of the binding."""
    thief: Thief = "none"
    thief_device: bool = False
    """Whether the thief of a profile takes the cookie of its device along, and tries to register one of his own."""
    conflict: Literal["first refresh", "first use of a successor", "lost by the store"] = "first refresh"
    """When P2 wants an unbound session ended. A store that goes back by two may have lost both parties' use."""
    thief_races: bool = False
    """Whether others can come between the thief's find and his swap, as they can between the owner's."""


class World(NamedTuple):
    """Everything that can make a difference later. Tokens by name."""

    row: Row
    jar: Token
    state: Token
    """The token whose generation and challenge the state cookie has."""
    peak: int
    """The highest generation that the jar has ever had."""
    floor: int
    """The lowest one that a killed browser can put back: that of the sign-in, or the peak less the roll-back."""
    unbound: Token | None = None
    """The last token of the jar that was not bound yet: a killed browser can put it back."""
    past: tuple[Row, ...] = ()
    """Rows that a fail-over may bring back, newest first."""
    flights: tuple[Flight, ...] = ()
    copied: Token | None = None
    """The token that the thief copied, or whose request he recorded."""
    recorded: bool = False
    loot: tuple[Token, ...] = ()
    """Successors that the thief was given."""
    used: int = 0
    """Who has refreshed with the copied unbound token or a descendant, and who with a descendant (four bits)."""
    logged_out: bool = False
    failed_over: bool = False
    device: bool = False
    """Whether the browser knows that its device is registered. It then shows it with each refresh."""
    device_lost: bool = False
    stolen_cookie: bool = False
    """Whether the thief has a cookie of the owner's device that has not run out."""


def start(scenario: Scenario) -> World:
    """Just signed in."""
    if scenario.bound == "at sign-in":
        first = Token("=o", 0)
        return World(row=Row(Token("=o", -1), key="o"), jar=first, state=first, peak=0, floor=0)
    return World(row=Row(Token("", -1)), jar=Token("a", 0), state=Token("a", 0), peak=0, floor=0)


@cache
def flight_tokens(flight: Flight) -> tuple[Token, ...]:
    """The tokens that a flight carries or speaks of, the one that it is about first."""
    match flight:
        case ("header" | "answer" | "notice", Token() as token):
            return (token,)
        case ("sent", Request() as request) | ("swap", _, Request() as request, _, _):
            return (request.token,)
        case _:
            raise AssertionError(flight)


def rows(world: World) -> tuple[Row, ...]:
    """The row and those that may come back."""
    return (world.row, *world.past)


def tokens(world: World) -> Iterator[Token]:
    """Every token that a party holds or that is under way."""
    yield world.jar
    yield world.state
    for flight in world.flights:
        yield from flight_tokens(flight)
    yield from world.loot
    yield from filter(None, (world.copied, world.unbound))


def normalise(world: World, scenario: Scenario) -> World:
    """The normal form of a world."""
    world = _drop_overtaken(world, scenario)
    if world.row.revoked:
        world = _bury(world)
    elif scenario.thief != "none":
        world = _set_strangers_aside(world)
    return _reroot(world)


def _drop_overtaken(world: World, scenario: Scenario) -> World:
    newest = world.row.committed.generation
    oldest = newest - scenario.lag
    durable = max(newest, world.peak - 1) - scenario.forget
    flights = tuple(flight for flight in world.flights if flight_tokens(flight)[0].generation >= oldest)
    past = tuple(row for row in world.past if row.committed.generation >= durable)
    floor = max(world.floor, world.peak - scenario.rollback)
    unbound = world.unbound if world.unbound and world.unbound.generation >= floor else None
    return world._replace(flights=flights, past=past, floor=floor, unbound=unbound)


def _bury(world: World) -> World:
    """Of an ended session only what could bring it back (P8)."""
    coming = tuple(flight for flight in world.flights if flight[0] in ("sent", "swap"))
    ended = Row(committed=world.row.committed, key=world.row.key, revoked=True)
    jar = world.row.committed
    return World(
        row=ended,
        jar=jar,
        state=jar,
        peak=jar.generation,
        floor=jar.generation,
        flights=coming,
        logged_out=world.logged_out,
        used=world.used & THIEF_USED,
    )


def _set_strangers_aside(world: World) -> World:
    """Tokens that every store takes for strangers become one token; others are let go.

    An unbound one is a stranger if it is not newer than any row and no row knows it; a bound one if it is older than
    every row.
    """
    moving = {flight_tokens(flight)[0] for flight in world.flights if flight[0] == "swap"}
    known = {row.committed for row in rows(world)} | {row.previous for row in rows(world) if row.previous} | moving
    oldest = min(row.committed.generation for row in rows(world))

    def settled(token: Token) -> Token:
        if token.is_bound:
            return token._replace(generation=max(token.generation, oldest - 1))
        is_known = token.identity in known or token.parent in known
        return token if token == STALE or is_known or token.generation > oldest else STALE

    copied = settled(world.copied) if world.copied else None
    loot = {settled(token) for token in world.loot} - {STALE}
    world = world._replace(copied=copied, loot=tuple(sorted(loot)))
    if settled(world.jar) == STALE:
        return world._replace(jar=STALE, state=STALE, peak=STALE.generation, floor=STALE.generation, unbound=None)
    behind = oldest - 1 - world.peak
    if not world.jar.is_bound or behind <= 0:
        return world
    jar, state = (token._replace(generation=token.generation + behind) for token in (world.jar, world.state))
    return world._replace(jar=jar, state=state, peak=world.peak + behind, floor=world.floor + behind)


def _reroot(world: World) -> World:
    unbound = [token for token in tokens(world) if not token.is_bound and token not in (STALE, LOST)]
    lines = [token.parent.line for token in unbound if token.line]
    lines += ["" for token in unbound if not token.line]
    lines += [row.committed.line for row in rows(world) if not row.committed.is_bound and row.committed != LOST]
    lines += [
        flight[3].line
        for flight in world.flights
        if flight[0] == "swap" and not flight[3].is_bound and flight[3] != LOST
    ]
    depth = _shared(lines) if lines else 0
    root = lines[0][:depth] if lines else ""
    base = min(row.committed.generation for row in rows(world))

    def cut(token: Token) -> Token:
        if token in (STALE, LOST):
            return token
        line = token.line
        if not token.is_bound:
            line = line[depth:] if line.startswith(root) else LOST.line
        return LOST if line == LOST.line else Token(line, token.generation - base, token.mark)

    def cut_row(row: Row) -> Row:
        return row._replace(committed=cut(row.committed), previous=cut(row.previous) if row.previous else None)

    def cut_request(request: Request) -> Request:
        return request._replace(token=cut(request.token), proof_for=cut(request.proof_for))

    def cut_flight(flight: Flight) -> Flight:
        match flight:
            case ("sent", Request() as request):
                return ("sent", cut_request(request))
            case ("swap", str(party), Request() as request, Token() as expected, str(key)):
                return ("swap", party, cut_request(request), cut(expected), key)
            case (kind, Token() as token):
                return (kind, cut(token))
            case _:
                raise AssertionError(flight)

    flights = [cut_flight(flight) for flight in world.flights]
    return world._replace(
        row=cut_row(world.row),
        past=tuple(cut_row(row) for row in world.past),
        jar=cut(world.jar),
        state=cut(world.state),
        unbound=cut(world.unbound) if world.unbound else None,
        peak=world.peak if world.jar == STALE else world.peak - base,
        floor=world.floor if world.jar == STALE else world.floor - base,
        flights=tuple(sorted(flights, key=repr) if len(flights) > 1 else flights),
        copied=cut(world.copied) if world.copied else None,
        loot=tuple(sorted(cut(token) for token in world.loot)),
    )


def _shared(lines: list[str]) -> int:
    first, last = min(lines), max(lines)
    return next((place for place, letter in enumerate(first) if last[place : place + 1] != letter), len(first))
