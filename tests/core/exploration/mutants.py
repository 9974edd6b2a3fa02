"""Wrong tables, wrong stores and wrong servers: the exploration is worth something because it catches each.

A mutant of the table wraps the real `decide` and answers differently in one kind of case.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gatepass.core.binding import Proof, prove
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken, open_key
from gatepass.core.rotation import (
    Advance,
    DeviceMissing,
    Ended,
    Late,
    Outcome,
    Recover,
    Repeat,
    Reuse,
    decide,
    expected_swap,
)
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, Session, Swap
from tests.core.exploration.names import NOW
from tests.core.exploration.server import Rules, apply, move, set_device
from tests.core.exploration.world import Scenario

Second = Callable[[Outcome, Session, RefreshToken, bytes], Outcome]
SERIAL = Scenario("one tab", flights=1, rollback=3)
TABS = Scenario("two tabs", rollback=1, two_moments=True, lag=2)
FORGETFUL = Scenario("the store forgets 2", rollback=2, forget=2, flights=1)
LOGOUT = Scenario("logout", logout=True, lag=1)
COOKIE = Scenario("a thief of the cookie", thief="any", flights=1, lag=1)
REQUEST = Scenario("a thief of one request", thief="recorded", flights=1, lag=1, rollback=1)
FORWARD = Scenario("a server forwards the cookie", forwards=True, flights=1)
FIRST = Scenario("the first refresh binds", bound="by a refresh", flights=1, rollback=2)
FIRST_THIEF = Scenario("a thief of the first token", bound="by a refresh", thief="any", flights=1, lag=1)
FAILOVER_THIEF = Scenario(
    "a thief of the first token, and one fail-over",
    bound="by a refresh",
    thief="any",
    flights=1,
    forget=1,
    fails_once=True,
    lag=1,
    conflict="first use of a successor",
)
UNBOUND = Scenario("no key", bound="never", flights=1)
UNBOUND_FORGETFUL = Scenario("no key, the store forgets 2", bound="never", flights=1, forget=2)
UNBOUND_THIEF = Scenario("a thief with his own key", bound="never", thief="keyed", flights=1, lag=1)
FAILOVER_2_THIEF = replace(
    FAILOVER_THIEF,
    name="a thief of the first token, the store forgets 2 once",
    thief="keyless",
    forget=2,
    conflict="lost by the store",
)
DEVICE = Scenario("a device", device=True, flights=1)
PROFILE = Scenario("a copy of the profile against a device", device=True, thief="profile", flights=1, lag=1)
TAKEN = replace(PROFILE, name="a copy of the profile with its device cookie", thief_device=True)
UNBOUND_LATE = Scenario(
    "no key on either side", bound="never", thief="keyless", flights=1, lag=1, conflict="first use of a successor"
)


@dataclass(frozen=True)
class Mutant:
    """Something wrong, and a scenario that must find it by breaking `promise`."""

    name: str
    rules: Rules
    scenario: Scenario
    promise: str


def _table(second: Second) -> Rules:
    def mutant(
        session: Session | None,
        token: RefreshToken,
        *,
        binding: bytes,
        now: int,
        policy: Policy,
        shown_device: bool = False,
    ) -> Outcome:
        outcome = decide(session, token, binding=binding, now=now, policy=policy, shown_device=shown_device)
        return outcome if session is None or isinstance(outcome, Ended) else second(outcome, session, token, binding)

    return Rules(decide=mutant)


def _swap(session: Session, token: RefreshToken, binding: bytes) -> Swap:
    swap = expected_swap(token, binding=binding, now=NOW)
    return replace(
        swap,
        expected_generation=session.generation,
        expected_fingerprint=session.fingerprint,
        expected_binding=session.binding,
    )


def _repeat_to_any_binding(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Repeat(session, with_access_token=True) if outcome == Reuse() and token.is_bound else outcome


def _bound_reuse(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    older = token.is_bound and token.generation < session.generation
    return Reuse() if isinstance(outcome, Repeat) and older else outcome


def _no_gap(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    gap = token.is_bound and token.generation > session.generation + 1
    return Reuse() if isinstance(outcome, Advance) and gap else outcome


def _unbound_advances_bound(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    next_one = (token.generation - 1, token.parent) == (session.generation, session.fingerprint)
    return Advance(_swap(session, token, binding)) if outcome == Reuse() and next_one else outcome


def _unbound_repeats_bound(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    is_committed = token.fingerprint == session.fingerprint
    return Repeat(session, with_access_token=True) if outcome == Reuse() and is_committed else outcome


def _unbound_recovers_bound(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    newer = not token.is_bound and token.generation > session.generation + 1
    if outcome != Reuse() or not newer:
        return outcome
    return Recover(replace(_swap(session, token, binding), previous=NO_FINGERPRINT))


def _no_rollback_over_the_binding(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    older = not token.is_bound and binding != NO_BINDING and token.generation < session.generation
    return Reuse() if isinstance(outcome, Repeat) and older else outcome


def _no_repeat_of_the_binding(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Reuse() if isinstance(outcome, Repeat) and not token.is_bound and binding != NO_BINDING else outcome


def _always_with_access_token(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return replace(outcome, with_access_token=True) if isinstance(outcome, Repeat) else outcome


def _no_old_repeat(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Reuse() if isinstance(outcome, Repeat) and not outcome.with_access_token else outcome


def _no_recover(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Reuse() if isinstance(outcome, Recover) else outcome


def _recover_over_siblings(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    sibling = not token.is_bound and token.generation == session.generation + 1
    return Recover(_swap(session, token, binding)) if outcome == Reuse() and sibling else outcome


def _advance_from_anywhere(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    fork = not token.is_bound and token.generation == session.generation
    return Advance(_swap(session, token, binding)) if outcome == Reuse() and fork else outcome


def _late_for_everyone(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Late() if outcome == Reuse() and session.previous in (token.fingerprint, token.parent) else outcome


def _ended_unrevoked(outcome: Outcome, session: Session, token: RefreshToken, binding: bytes) -> Outcome:
    return Ended("reused") if outcome == Reuse() else outcome


def _swap_after_revoke(row: Session, swap: Swap) -> Session | None:
    matches = (row.generation, row.fingerprint) == (swap.expected_generation, swap.expected_fingerprint)
    return move(row, swap) if matches else None


def _swap_whatever_the_binding(row: Session, swap: Swap) -> Session | None:
    return apply(row, replace(swap, expected_binding=row.binding))


def _swap_blindly(row: Session, swap: Swap) -> Session | None:
    return move(row, swap) if row.revoked_at is None else None


def _no_proof(token: RefreshToken, keys: KeyRing, proof: Proof | None) -> bool:
    return True


def _any_proof(token: RefreshToken, keys: KeyRing, proof: Proof | None) -> bool:
    return not token.is_bound or proof is not None


def _prove_the_key_alone(key: bytes, *, sid: bytes, generation: int, challenge: str) -> str:
    return prove(key, sid=sid, generation=0, challenge="")


def _proof_of_the_key_alone(token: RefreshToken, keys: KeyRing, proof: Proof | None) -> bool:
    if not token.is_bound or proof is None:
        return not token.is_bound
    return proof.text == _prove_the_key_alone(open_key(token, keys).reveal(), sid=token.sid, generation=0, challenge="")


def _decide_without_device(session: Session | None, token: RefreshToken, **named: Any) -> Outcome:
    return decide(session, token, **{**named, "shown_device": True})


def _proven_at_once(row: Session, key: bytes, since: int | None) -> Session | None:
    return set_device(row, key, NOW)


def _any_registration(row: Session, key: bytes, since: int | None) -> Session | None:
    return set_device(replace(row, device_key=b"", device_since=None), key, since)


def _missing_device_ends(session: Session | None, token: RefreshToken, **named: Any) -> Outcome:
    outcome = decide(session, token, **named)
    return Reuse() if isinstance(outcome, DeviceMissing) else outcome


def _swap_without_device(row: Session, swap: Swap) -> Session | None:
    return apply(row, replace(swap, shown_device=True))


MUTANTS = (
    Mutant("no proof is asked for", Rules(is_proven=_no_proof), COOKIE, "P2"),
    Mutant("no proof is asked for, and a server forwards", Rules(is_proven=_no_proof), FORWARD, "P2"),
    Mutant("any key proves", Rules(is_proven=_any_proof), COOKIE, "P2"),
    Mutant(
        "a proof is good for every token",
        Rules(prove=_prove_the_key_alone, is_proven=_proof_of_the_key_alone),
        REQUEST,
        "P2",
    ),
    Mutant("a repeat always brings an access token", _table(_always_with_access_token), REQUEST, "P2"),
    Mutant("an older bound token is reuse", _table(_bound_reuse), SERIAL, "P1"),
    Mutant("a bound session has no gaps", _table(_no_gap), FORGETFUL, "P1"),
    Mutant("a bound token repeats on a row of another key", _table(_repeat_to_any_binding), FAILOVER_THIEF, "P"),
    Mutant("an unbound token advances a bound row", _table(_unbound_advances_bound), FAILOVER_THIEF, "P2"),
    Mutant("an unbound token recovers a bound row", _table(_unbound_recovers_bound), FAILOVER_2_THIEF, "P2"),
    Mutant("the token that was bound repeats without the key", _table(_unbound_repeats_bound), FIRST_THIEF, "P2"),
    Mutant("the key does not help a token from before it", _table(_no_rollback_over_the_binding), FIRST, "P1"),
    Mutant("a lost answer to the binding is reuse", _table(_no_repeat_of_the_binding), FIRST, "P1"),
    Mutant("an old repeat is reuse", _table(_no_old_repeat), UNBOUND, "P1"),
    Mutant("nothing recovers", _table(_no_recover), UNBOUND_FORGETFUL, "P1"),
    Mutant("siblings recover", _table(_recover_over_siblings), FAILOVER_2_THIEF, "P"),
    Mutant("a fork advances", _table(_advance_from_anywhere), UNBOUND_THIEF, "P"),
    Mutant("who offers a key can be late", _table(_late_for_everyone), UNBOUND_THIEF, "P2"),
    Mutant("reuse ends without revoking", _table(_ended_unrevoked), UNBOUND_THIEF, "P2"),
    Mutant("a store swaps after a revoke", Rules(apply=_swap_after_revoke), LOGOUT, "P8"),
    Mutant("a store swaps whatever the binding", Rules(apply=_swap_whatever_the_binding), FAILOVER_THIEF, "P2"),
    Mutant("a store swaps without comparing", Rules(apply=_swap_blindly), UNBOUND_THIEF, "P"),
    Mutant(
        "nothing asks for the device", Rules(decide=_decide_without_device, apply=_swap_without_device), PROFILE, "P2"
    ),
    Mutant("a store swaps without the device", Rules(apply=_swap_without_device), PROFILE, "P2"),
    Mutant("the table does not ask for the device", Rules(decide=_decide_without_device), PROFILE, "P"),
    Mutant("a registration takes the place of another device", Rules(set_device=_any_registration), TAKEN, "P1"),
    Mutant("who comes without the device ends the session", Rules(decide=_missing_device_ends), TAKEN, "P1"),
    Mutant("a device counts before its first proof", Rules(set_device=_proven_at_once), DEVICE, "P1"),
    Mutant("a server does not compare the states", Rules(compares_state=False), TABS, "P1"),
)
