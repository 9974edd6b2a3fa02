"""What can happen next in a world: one label and one new world for each.

Messages may be lost, delayed and delivered in any order. There is no guard that a well-behaved client or network would
bring along: no lock between tabs, no order of answers, no wait. Clients of an unbound session take turns, since nothing
is promised to those that do not (P1): their scenarios have one flight.
"""

from collections.abc import Iterator

from tests.core.exploration.names import STALE, Token
from tests.core.exploration.promises import Broken, check_issue, check_verdict, note_use
from tests.core.exploration.server import Device, Request, Server, Verdict
from tests.core.exploration.world import Flight, Scenario, World, rows, tokens

Move = tuple[str, World]
LOOT = 2
"""How many successors the thief keeps beside the copy; which of more he lets go is one more choice."""


def moves(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    """Everything that can happen next."""
    for flight in dict.fromkeys(world.flights):
        rest = _without(world, flight)
        yield f"lost: {_text(flight)}", rest
        yield from _proceed(flight, rest, scenario, server)
    if world.row.revoked:
        return
    yield from _client(world, scenario, server)
    yield from _surroundings(world, scenario, server)
    if scenario.device:
        yield from _device(world, scenario, server)
    if scenario.thief != "none":
        yield from _thief(world, scenario, server)


def _client(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    if len(world.flights) < scenario.flights:
        read = _with(world, ("header", world.state))
        if scenario.two_moments:
            yield f"a tab reads the state cookie: {world.state}", read
        else:
            yield _attach_cookie(world.state, world, scenario, server)
    if scenario.rollback:
        for back in _earlier(world):
            if back.generation >= world.floor:
                yield f"killed: the jar is back at {back}", world._replace(jar=back, state=back.identity)
    if scenario.logout:
        yield "logout", world._replace(row=world.row._replace(revoked=True), logged_out=True)


def _earlier(world: World) -> Iterator[Token]:
    """What the jar had before."""
    jar = world.jar
    if world.unbound:
        yield world.unbound
    if jar.is_bound and not (world.unbound and world.unbound.generation >= jar.generation - 1):
        yield Token(jar.line, jar.generation - 1)
    elif jar.line and not jar.is_bound and jar != STALE:
        yield jar.parent


def _surroundings(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    if world.row.fresh:
        aged = tuple(row._replace(fresh=False) for row in rows(world))
        yield "the leeway passes", world._replace(row=aged[0], past=aged[1:])
    if world.past:
        back = world._replace(row=world.past[0], past=world.past[1:], failed_over=scenario.fails_once)
        yield f"fail-over to {back.row.committed}", back
    if scenario.forwards and world.jar.is_bound:
        request = Request(world.jar, "-", world.jar)
        verdict = server.judge(world.row, request)
        if verdict.kind != "unproven":
            raise Broken("P2", f"a server that forwards {world.jar} is answered {verdict.kind!r}")


def _device(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    """Registration, whose answer may be lost, and first proof (PROTOCOL §11). Either write may be lost too.

    A registration that is sent again, or whose answer is late, is one whose answer was lost and another one.
    """
    known = world.row.device
    if known != "proven" and not (world.device and known == "key") and not world.device_lost:
        registered = _write_device(world, "key", scenario, server)
        if registered is not None:
            yield "the device is registered, the answer is lost", registered
            yield "the device is registered", registered._replace(device=True)
    if world.device and known not in ("key", "proven"):
        yield "the browser is told to go on without a device", world._replace(device=False)
    if world.device and (proven := _write_device(world, "proven", scenario, server)):
        yield "the device proves its key", proven
    if scenario.device_lost and world.device:
        yield "the browser loses its device", world._replace(device=False, device_lost=True)


def _write_device(world: World, device: Device, scenario: Scenario, server: Server) -> World | None:
    """None if the store refuses it, or if it changes nothing."""
    row = server.set_device(world.row, device)
    if row is None or row == world.row:
        return None
    past = () if world.failed_over else (world.row, *world.past)[: scenario.forget]
    return world._replace(row=row, past=past)


def _device_of_thief(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    """The cookie that he took lasts for minutes; a device of his own he may register where the session has none."""
    if world.stolen_cookie:
        yield "the copied cookie of the device runs out", world._replace(stolen_cookie=False)
    for device in ("thief's key", "thief's, proven") if world.row.device.startswith("thief") else ("thief's key",):
        changed = _write_device(world, device, scenario, server)
        if changed is None:
            continue
        if world.row.device in ("key", "proven"):
            raise Broken("P1", "a device of the thief takes the place of the owner's")
        yield f"the thief writes {device!r}", changed


def _proceed(flight: Flight, rest: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    match flight:
        case ("header", Token() as state):
            yield _attach_cookie(state, rest, scenario, server)
        case ("sent", Request() as request):
            yield from _refresh(rest, "owner", request, scenario, server)
        case ("swap", str(party), Request() as request, Token() as expected, str(key)):
            swapped = server.swap(rest.row, request, expected, key)
            if swapped is not None:
                yield from _commit(rest, swapped, party, request, scenario, server)
            elif party == "owner":
                yield f"the owner's swap to {request.token} does not apply", _with(rest, ("sent", request))
            else:
                yield f"the thief's swap to {request.token} does not apply", rest
        case ("answer", Token() as token):
            peak = max(rest.peak, token.generation)
            is_binding = token.is_bound and not rest.jar.is_bound
            unbound = rest.jar.identity if is_binding else rest.unbound if token.is_bound else None
            after = rest._replace(jar=token, state=token.identity, peak=peak, unbound=unbound)
            yield f"the browser receives {token}", after
        case ("notice", Token() as token):
            yield f"the browser receives 409 naming {token}", rest._replace(state=token)


def _attach_cookie(state: Token, world: World, scenario: Scenario, server: Server) -> Move:
    """The request goes out with the jar's cookie; the server compares the states before all else."""
    if state == world.jar.identity or not server.rules.compares_state:
        key = "-" if scenario.bound == "never" else "o"
        return f"a tab sends {world.jar}", _with(world, ("sent", Request(world.jar, key, state, world.device)))
    return f"header {state}, cookie {world.jar}: superseded", _with(world, ("notice", world.jar.identity))


def _refresh(world: World, party: str, request: Request, scenario: Scenario, server: Server) -> Iterator[Move]:
    """The server's turn: the proof, the expected swap at once, and where it does not apply, the table."""
    if server.proves(request):
        swapped = server.swap_first(world.row, request)
        if swapped is not None:
            check_verdict(world, party, request, Verdict("advance"))
            yield from _commit(world, swapped, party, request, scenario, server)
            return
    yield from _ask_table(world, party, request, scenario, server)


def _ask_table(world: World, party: str, request: Request, scenario: Scenario, server: Server) -> Iterator[Move]:
    verdict = server.judge(world.row, request)
    check_verdict(world, party, request, verdict)
    said = f"{party} presents {request.token} with {request.key!r}: {verdict.kind}"
    match verdict.kind:
        case "unproven" | "missing":
            yield said, world
        case "advance" | "recover":
            assert verdict.expected is not None
            in_two_steps = party == "owner" or scenario.thief_races
            if in_two_steps and len(world.flights) < scenario.flights:
                yield said, _with(world, ("swap", party, request, verdict.expected, verdict.key))
                return
            swapped = server.swap(world.row, request, verdict.expected, verdict.key)
            if swapped is None:
                raise Broken("P1", "a swap that was just decided upon does not apply")
            yield from _commit(world, swapped, party, request, scenario, server)
        case "repeat" | "repeat with pass":
            used = note_use(world, party, request)
            for label, answered in _issue(used, party, request, scenario, server):
                yield f"{said}, {label}", answered
        case "late":
            # Without a key it is no use: nothing was issued, and after the leeway it is a conflict.
            yield said, world if request.key == "-" else note_use(world, party, request)
        case "reuse":
            revoked = world._replace(row=world.row._replace(revoked=True))
            yield said, note_use(revoked, party, request)
        case "ended":
            yield said, world if world.row.revoked else note_use(world, party, request)


def _commit(
    world: World, row: object, party: str, request: Request, scenario: Scenario, server: Server
) -> Iterator[Move]:
    if world.row.revoked:
        raise Broken("P8", f"a swap to {request.token} brought a revoked session back")
    past = () if world.failed_over else (world.row, *world.past)[: scenario.forget]
    committed = note_use(world._replace(row=row, past=past), party, request)  # type: ignore[arg-type]
    for label, answered in _issue(committed, party, request, scenario, server):
        yield f"{party} commits {request.token} with {request.key!r}, {label}", answered


def _issue(world: World, party: str, request: Request, scenario: Scenario, server: Server) -> Iterator[Move]:
    check_issue(world, request)
    letter = server.binding_letter(request)
    generation = world.row.committed.generation + 1
    successor = server.names.successor(request.token, letter, generation, _lines(world) if letter == "-" else ())
    for mark in ("", "*") if scenario.rollout else ("",):
        issued = successor._replace(mark=mark)
        if party == "owner":
            yield f"{issued} issued", _with(world, ("answer", issued))
            continue
        loot = {*world.loot, issued}
        for dropped in loot if len(loot) > LOOT else {None}:
            yield f"{issued} issued", world._replace(loot=tuple(sorted(loot - {dropped})))


def _thief(world: World, scenario: Scenario, server: Server) -> Iterator[Move]:
    if world.copied is None or world.recorded:
        yield from _copy(world, scenario)
    if world.copied is None:
        return
    if scenario.thief_device:
        yield from _device_of_thief(world, scenario, server)
    for request in requests_of_thief(world, scenario):
        yield from _refresh(world, "thief", request, scenario, server)


def requests_of_thief(world: World, scenario: Scenario) -> Iterator[Request]:
    """What the thief can send: what he holds, and the jar's token, under each key and with the proof that he has."""
    assert world.copied is not None
    own = {"none": "", "keyless": "-", "keyed": "t", "any": "-t", "recorded": "-t", "profile": "o"}[scenario.thief]
    shown = world.stolen_cookie or (scenario.thief_device and world.row.device.startswith("thief"))
    held = dict.fromkeys((world.copied, *world.loot, *((world.jar,) if world.jar.is_bound else ())))
    for token in held:
        for key in own:
            yield Request(token, key, token, shown)
        if world.recorded:
            yield Request(token, "o", world.copied)


def _copy(world: World, scenario: Scenario) -> Iterator[Move]:
    if world.copied is None:
        has_cookie = scenario.thief_device and world.device and world.row.device == "proven"
        taken = world._replace(copied=world.jar, stolen_cookie=has_cookie)
        yield f"a thief copies {world.jar}", _note_past_use(taken)
    if scenario.thief == "recorded":
        for flight in world.flights:
            if flight[0] == "sent" and flight[1].token.is_bound:
                recorded = world._replace(copied=flight[1].token, recorded=True)
                yield f"a thief records the request with {flight[1].token}", recorded


def _note_past_use(world: World) -> World:
    """Who already used the copied token when it was copied: the owner, if the row stands on its branch."""
    committed = world.row.committed
    if committed.line == "" and committed.generation < 0:
        return world
    return note_use(world, "owner", Request(committed, world.row.key, committed))


def _lines(world: World) -> set[str]:
    taken = {token.line for token in tokens(world)}
    for row in rows(world):
        taken.add(row.committed.line)
        if row.previous:
            taken.add(row.previous.line)
    return taken | {line[:end] for line in taken for end in range(1, len(line))}


def _with(world: World, flight: Flight) -> World:
    return world._replace(flights=(*world.flights, flight))


def _without(world: World, flight: Flight) -> World:
    position = world.flights.index(flight)
    return world._replace(flights=world.flights[:position] + world.flights[position + 1 :])


def _text(flight: Flight) -> str:
    return " ".join(str(part) for part in flight)
