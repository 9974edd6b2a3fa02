"""The promises of PROTOCOL §1 as checks, of every step and of every state."""

from functools import cache
from itertools import permutations

from tests.core.exploration.names import STALE, Token, are_related
from tests.core.exploration.server import PROVEN, Request, Row, Server, Verdict
from tests.core.exploration.world import (
    OWNER_USED,
    OWNER_USED_SUCCESSOR,
    THIEF_USED,
    THIEF_USED_SUCCESSOR,
    Scenario,
    World,
    tokens,
)

RETRIES = 20
"""How often a client retries a refresh that was superseded (PROTOCOL §6)."""


class Broken(Exception):
    """A promise that does not hold."""

    def __init__(self, promise: str, how: str) -> None:
        super().__init__(f"{promise}: {how}")
        self.promise = promise


def check_verdict(world: World, party: str, request: Request, verdict: Verdict) -> None:
    """P1, P2 and P8 at the moment when the table is asked."""
    blameless = not world.logged_out and not world.used & THIEF_USED
    if party == "owner" and verdict.kind == "unproven":
        raise Broken("P1", f"the owner with {request.token} is told that he cannot prove it")
    if party == "owner" and verdict.kind == "missing" and not world.device and not _device_is_gone(world):
        raise Broken("P1", f"the owner with {request.token} is asked for a device that the browser does not know of")
    if party == "owner" and blameless and verdict.kind in ("ended", "reuse"):
        raise Broken("P1", f"the owner is told {verdict.kind!r}, and nobody logged out or stole anything")
    if world.row.revoked and verdict.kind not in ("ended", "unproven"):
        raise Broken("P8", f"a revoked session answers {verdict.kind!r}")
    if verdict.kind == "repeat with pass" and not world.row.fresh:
        raise Broken("P2", "an old repeat brings an access token: whoever re-plays one request lives on it")
    if party == "thief":
        _check_thief(world, request, verdict)


def check_issue(world: World, request: Request) -> None:
    """P2 of a session that is bound to a device, whichever party asks: the row is the one that was left behind."""
    if world.row.device in PROVEN and not request.shown:
        raise Broken("P2", f"{request.token} is exchanged without the device")


def _device_is_gone(world: World) -> bool:
    """Whether the owner has to sign in again: the browser has lost its device, or a thief's stands in the row.

    A thief gets his there only with a copy of the whole profile, and where the row had none.
    """
    return world.device_lost or world.row.device == "thief's, proven"


def _check_thief(world: World, request: Request, verdict: Verdict) -> None:
    """P2 of a bound session: nothing for who did not prove the key, and of one recorded request that one alone."""
    if verdict.kind in ("ended", "unproven", "missing"):
        return
    if request.key == "o" and not world.recorded:
        return  # a copy of the profile: the owner to any software, until there is a device (`check_issue`)
    is_own = request.token.bound_to == "t"
    is_recorded = world.recorded and request.key == "o" and request.token.identity == world.copied.identity  # type: ignore[union-attr]
    if request.token.is_bound and not is_own and not is_recorded:
        raise Broken("P2", f"the thief presents the bound {request.token} without its key: {verdict.kind!r}")
    if not request.token.is_bound and world.row.key == "o" and verdict.kind != "reuse":
        raise Broken("P2", f"the thief presents {request.token} to a bound session: {verdict.kind!r}")


def note_use(world: World, party: str, request: Request) -> World:
    """Write down that a party has refreshed with the copied unbound token or with a descendant of it."""
    copied = world.copied
    if copied is None or copied.is_bound:
        return world
    token, used = request.token.identity, world.used
    if token == copied or copied == STALE or token.is_bound or token.line.startswith(copied.line):
        used |= OWNER_USED if party == "owner" else THIEF_USED
        if token != copied:
            used |= OWNER_USED_SUCCESSOR if party == "owner" else THIEF_USED_SUCCESSOR
    return world if used == world.used else world._replace(used=used)


def check_state(world: World, scenario: Scenario, server: Server) -> None:
    """What must hold in every reachable state."""
    if world.row.revoked:
        return
    _check_theft(world, scenario)
    if not world.used & THIEF_USED and not _device_is_gone(world):
        _check_liveness(world, scenario, server)
    if world.copied and scenario.conflict != "lost by the store":
        _check_forks(world, server)


def _check_theft(world: World, scenario: Scenario) -> None:
    """P2: both have used what only one of them should have, and the session lives."""
    if scenario.conflict == "lost by the store":
        return
    both = OWNER_USED | THIEF_USED
    if scenario.conflict == "first use of a successor":
        both = OWNER_USED_SUCCESSOR | THIEF_USED_SUCCESSOR
    if world.used & both == both:
        raise Broken("P2", f"owner and thief have both refreshed on {world.copied}, and nothing is revoked")


def _check_liveness(world: World, scenario: Scenario, server: Server) -> None:
    """P1: left alone from here, the client gets an access token within its number of retries."""
    key = "-" if scenario.bound == "never" else "o"
    tries = RETRIES - (world.state != world.jar.identity)
    if _steps_to_pass(server, world.row, Request(world.jar, key, world.jar.identity, world.device)) > tries:
        raise Broken("P1", f"the client with {world.jar} never gets an access token")


@cache
def _steps_to_pass(server: Server, row: Row, request: Request) -> int:
    for step in range(1, RETRIES + 1):
        verdict = server.judge(row, request)
        if verdict.kind in ("advance", "recover", "repeat with pass"):
            return step
        if verdict.kind != "repeat":
            return RETRIES + 1
        generation = row.committed.generation + 1
        token = server.names.successor(request.token, server.binding_letter(request), generation, ())
        request = request._replace(token=token, proof_for=token.identity)
    return RETRIES + 1


def _check_forks(world: World, server: Server) -> None:
    """P3: of two branches, using one ends the other; no order of use brings access tokens from both."""
    held = {token.identity for token in tokens(world)}
    for first, second in permutations(sorted(held), 2):
        if not are_related(first, second) and _both_pass(server, world.row, first, second):
            raise Broken("P3", f"{first} and {second} are two branches, and both bring access tokens")


@cache
def _both_pass(server: Server, row: Row, first: Token, second: Token) -> bool:
    after = [_row_after_pass(server, row, first, key) for key in "-ot"]
    return any(
        _row_after_pass(server, used, second, key) is not None for used in after if used is not None for key in "-ot"
    )


def _row_after_pass(server: Server, row: Row, token: Token, key: str) -> Row | None:
    """The row after a refresh that brought an access token; None where it brought none."""
    request = Request(token, key, token)
    verdict = server.judge(row, request)
    if verdict.kind in ("advance", "recover"):
        assert verdict.expected is not None
        return server.swap(row, request, verdict.expected, verdict.key)
    return row if verdict.kind == "repeat with pass" else None
