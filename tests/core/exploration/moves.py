"""What can happen next in a world: one label and one new world for each.

Messages may be lost, delayed and delivered in any order. There is no guard that a well-behaved client or
network would bring along: no lock between tabs, no order of answers, no wait.
"""

from collections.abc import Iterator

from gatepass.core.refresh_token import successor_of
from tests.core.exploration.names import OFFSETS, RANDOM, STALE, generation, identity, parent
from tests.core.exploration.promises import Broken, check_verdict, note_use
from tests.core.exploration.server import Row, Server
from tests.core.exploration.world import Flight, Scenario, World, tokens

Move = tuple[str, World]
LOOT = 2
"""How many successors the thief keeps beside the copy; which of more he lets go is one more choice."""


def moves(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    """Everything that can happen next."""
    for flight in dict.fromkeys(world.flights):
        rest = _without(world, flight)
        yield f"lost: {flight}", rest
        yield from _proceed(flight, rest, scenario, server)
    if world.row.revoked:
        return
    yield from _client(world, scenario)
    yield from _surroundings(world, scenario)
    if scenario.thief != "none":
        yield from _thief(world, scenario, server)


def _client(world: World, scenario: Scenario) -> Iterator[Move]:
    if len(world.flights) < scenario.flights:
        if scenario.two_moments:
            yield f"a tab reads the state cookie: {world.cookie}", _with(world, ("header", world.cookie))
        else:
            yield f"a tab sends {world.jar}", _with(world, ("sent", world.jar, "o" if scenario.keyed else "-"))
    oldest = max(0, world.peak - scenario.rollback)
    if scenario.rollback and generation(world.jar) > oldest and world.jar != STALE:
        for mark in _marks(scenario):
            back = parent(world.jar) + mark
            yield f"killed: the jar is back at {back}", world._replace(jar=back, cookie=generation(back))
    if scenario.logout:
        yield "logout", world._replace(row=world.row._replace(revoked=True), logged_out=True)


def _surroundings(world: World, scenario: Scenario) -> Iterator[Move]:
    if world.row.fresh:
        aged = tuple(row._replace(fresh=False) for row in (world.row, *world.past))
        yield "the leeway passes", world._replace(row=aged[0], past=aged[1:])
    if world.past:
        back = world._replace(row=world.past[0], past=world.past[1:], failed_over=scenario.fails_once)
        yield f"fail-over to {back.row.committed!r}", back


def _proceed(flight: Flight, rest: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    match flight:
        case ("header", int(number)):
            yield _attach_cookie(number, rest, server)
        case ("sent", str(token), str(key)):
            yield from _refresh(rest, "owner", token, key, scenario, server)
        case ("swap", str(party), str(token), str(key), str(expected)):
            swapped = server.swap(rest.row, token, key, expected)
            if swapped is not None:
                yield from _commit(rest, swapped, party, token, key, scenario, server)
            elif party == "owner":
                yield f"the owner's swap to {token} does not apply", _with(rest, ("sent", token, key))
            else:
                yield f"the thief's swap to {token} does not apply", rest
        case ("answer", str(token)):
            number = generation(token)
            received = rest._replace(jar=token, cookie=number, peak=max(rest.peak, number))
            yield f"the browser receives {token}", received
        case ("notice", int(number)):
            yield f"the browser receives 409 naming {number}", rest._replace(cookie=number)


def _attach_cookie(number: int, world: World, server: Server) -> Move:
    """The request goes out with the jar's cookie; the server compares generations before all else."""
    right = generation(world.jar)
    if number == right:
        return f"a request leaves with {world.jar}", _with(world, ("sent", world.jar, "o"))
    if server.rules.compares_generation:
        return f"header {number}, cookie {right}: superseded", _with(world, ("notice", right))
    letter = next((letter for letter in "pq" if right + OFFSETS[letter] == number), None)
    return (
        f"header {number}, cookie {right}: accepted",
        _with(world, ("sent", world.jar, letter)) if letter else world,
    )


def _refresh(world: World, party: str, token: str, key: str, scenario: Scenario, server: Server) -> Iterator[Move]:
    """The expected swap; and find and decide, which the server does where the swap did not apply a moment ago."""
    swapped = server.swap_first(world.row, token, key)
    if swapped is not None:
        yield from _commit(world, swapped, party, token, key, scenario, server)

    verdict = server.judge(world.row, token, key)
    check_verdict(world, party, verdict)
    said = f"{party} presents {token} under {key!r}: {verdict.kind}"
    match verdict.kind:
        case "advance" | "recover":
            in_two_steps = party == "owner" or scenario.thief_races
            if in_two_steps and len(world.flights) < scenario.flights:
                yield said, _with(world, ("swap", party, token, key, verdict.expected))
            else:
                swapped = server.swap(world.row, token, key, verdict.expected)
                if swapped is None:
                    raise Broken("P1", "a swap that was just decided upon does not apply")
                yield from _commit(world, swapped, party, token, key, scenario, server)
        case "repeat" | "repeat with pass":
            used = note_use(world, party, token)
            for label, answered in _issue(used, party, token, key, scenario, server):
                yield f"{said}, {label}", answered
        case "late":
            # Between keyless parties it is no use: nothing was issued. A key on either side makes it a conflict.
            is_use = scenario.keyed or scenario.thief != "keyless"
            yield said, note_use(world, party, token) if is_use else world
        case "reuse":
            revoked = world._replace(row=world.row._replace(revoked=True))
            yield said, note_use(revoked, party, token)
        case "ended":
            yield said, world if world.row.revoked else note_use(world, party, token)


def _commit(
    world: World, row: Row, party: str, token: str, key: str, scenario: Scenario, server: Server
) -> Iterator[Move]:
    if world.row.revoked:
        raise Broken("P8", f"a swap to {token} brought a revoked session back")
    past = () if world.failed_over else (world.row, *world.past)[: scenario.forget]
    committed = note_use(world._replace(row=row, past=past), party, token)
    for label, answered in _issue(committed, party, token, key, scenario, server):
        yield f"{party} commits {token} under {key!r}, {label}", answered


def _issue(world: World, party: str, token: str, key: str, scenario: Scenario, server: Server) -> Iterator[Move]:
    taken = () if key != "-" and server.rules.successor_of is successor_of else _names(world)
    successor = server.names.successor(token, key, taken)
    for mark in _marks(scenario):
        issued = successor + mark
        if party == "owner":
            yield f"{issued} issued", _with(world, ("answer", issued))
            continue
        loot = {*world.loot, issued}
        for dropped in loot if len(loot) > LOOT else {""}:
            yield f"{issued} issued", world._replace(loot=tuple(sorted(loot - {dropped})))


def _thief(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    if not world.copied:
        yield from _copy(world, scenario)
        return
    for token in (world.copied, *world.loot):
        for key in keys_of_thief(world, scenario, token):
            yield from _refresh(world, "thief", token, key, scenario, server)


def _copy(world: World, scenario: Scenario) -> Iterator[Move]:
    taken = world._replace(copied=world.jar)
    yield f"a thief copies {world.jar}", _note_past_use(taken)
    if scenario.thief == "recorded":
        for flight in world.flights:
            if flight[0] == "sent":
                recorded = world._replace(copied=str(flight[1]), recorded=True)
                yield f"a thief records the request with {flight[1]}", _note_past_use(recorded)


def _note_past_use(world: World) -> World:
    """Who already used the copied token when it was copied: the owner, if the row stands on its branch."""
    return note_use(world, "owner", world.row.committed) if world.row.committed else world


def keys_of_thief(world: World, scenario: Scenario, token: str) -> str:
    """The keys that the thief can send with a token."""
    own = {"none": "", "keyless": "-", "keyed": "t", "any": "-t", "recorded": "-t"}[scenario.thief]
    return own + "o" if world.recorded and token == world.copied else own


def _marks(scenario: Scenario) -> tuple[str, ...]:
    return ("", "*") if scenario.rollout else ("",)


def _names(world: World) -> set[str]:
    taken = {identity(token) for token in tokens(world)}
    for row in (world.row, *world.past):
        taken.add(row.committed)
        taken.update(token for token, _ in row.ancestors)
    return taken | {name[:end] for name in taken for end in range(1, len(name)) if name[end - 1] in RANDOM}


def _with(world: World, flight: Flight) -> World:
    return world._replace(flights=(*world.flights, flight))


def _without(world: World, flight: Flight) -> World:
    position = world.flights.index(flight)
    return world._replace(flights=world.flights[:position] + world.flights[position + 1 :])
