"""Wrong tables, wrong stores and wrong servers: the exploration is worth something because it catches each.

A mutant of the table wraps the real `decide` and answers differently in one kind of case.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken, successor_of
from gatepass.core.rotation import Advance, Ended, Late, Outcome, Recover, Repeat, Reuse, decide, expected_swap
from gatepass.core.session import NO_KEY, UNKNOWN_FINGERPRINT, UNKNOWN_KEY, Session, Swap
from tests.core.exploration.server import Rules, move
from tests.core.exploration.world import Scenario

Second = Callable[[Outcome, Session, RefreshToken, bytes | None], Outcome]
SERIAL = Scenario("one tab", flights=1, rollback=3)
TABS = Scenario("two tabs", rollback=1, two_moments=True, lag=2)
FORGETFUL = Scenario("the store forgets 2", rollback=2, forget=2, flights=1)
LOGOUT = Scenario("logout", logout=True, lag=1)
THIEF = Scenario("a thief", thief="any", flights=1, lag=1, window=2)
ROLLOUT = Scenario("the secret changes", flights=1, rollback=2, rollout=True)
KEYLESS = Scenario("no key", keyed=False, flights=1)


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
        key_hash: bytes | None,
        now: int,
        policy: Policy,
        ip_prefix: str = "",
    ) -> Outcome:
        outcome = decide(session, token, key_hash=key_hash, now=now, policy=policy, ip_prefix=ip_prefix)
        return outcome if session is None else second(outcome, session, token, key_hash)

    return Rules(decide=mutant)


def _is_ancestor(session: Session, token: RefreshToken) -> bool:
    return any(ancestor.fingerprint == token.fingerprint for ancestor in session.ancestors)


def _repeat_under_any_key(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    is_committed = token.fingerprint == session.fingerprint
    return Repeat(session, with_access_token=False) if outcome == Reuse() and is_committed else outcome


def _repeat_ancestors_under_any_key(
    outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None
) -> Outcome:
    repeats = outcome == Reuse() and _is_ancestor(session, token)
    return Repeat(session, with_access_token=False) if repeats else outcome


def _always_with_access_token(
    outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None
) -> Outcome:
    return replace(outcome, with_access_token=True) if isinstance(outcome, Repeat) else outcome


def _no_old_repeat(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    return Reuse() if isinstance(outcome, Repeat) and not outcome.with_access_token else outcome


def _no_ancestors(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    return Reuse() if isinstance(outcome, Repeat) and token.generation < session.generation else outcome


def _no_recover(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    return Reuse() if isinstance(outcome, Recover) else outcome


def _unknown_matches_nothing(
    outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None
) -> Outcome:
    unknown = {ancestor.fingerprint for ancestor in session.ancestors if ancestor.key_hash == UNKNOWN_KEY}
    return Reuse() if isinstance(outcome, Repeat) and token.fingerprint in unknown else outcome


def _recover_over_siblings(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    if outcome != Reuse() or token.generation != session.generation + 1:
        return outcome
    swap = expected_swap(token, key_hash=key_hash, now=session.expires_at - 1)
    return Recover(replace(swap, expected_fingerprint=session.fingerprint, expected_generation=session.generation))


def _late_for_everyone(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    newest = session.ancestors[0].fingerprint if session.ancestors else b""
    return Late() if outcome == Reuse() and newest in (token.fingerprint, token.parent) else outcome


def _late_after_sign_in(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    late = outcome == Reuse() and key_hash is None and session.ancestors and session.ancestors[0].key_hash == NO_KEY
    return Late() if late and session.ancestors[0].fingerprint == token.parent else outcome


def _ended_unrevoked(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    return Ended("reused") if outcome == Reuse() else outcome


def _repeat_for_the_keyless(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    repeats = outcome == Reuse() and key_hash is None and token.fingerprint == session.fingerprint
    return Repeat(session, with_access_token=True) if repeats else outcome


def _advance_from_anywhere(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    if outcome != Reuse() or token.generation != session.generation:
        return outcome
    swap = expected_swap(token, key_hash=key_hash, now=session.expires_at - 1)
    return Advance(replace(swap, expected_fingerprint=session.fingerprint, expected_generation=session.generation))


def _one_forgotten_only(outcome: Outcome, session: Session, token: RefreshToken, key_hash: bytes | None) -> Outcome:
    lost = UNKNOWN_FINGERPRINT in {ancestor.fingerprint for ancestor in session.ancestors}
    repeats = isinstance(outcome, Repeat) and lost
    return Reuse() if repeats and token.fingerprint != session.fingerprint else outcome


def _swap_after_revoke(row: Session, swap: Swap, window: int) -> Session | None:
    matches = (row.generation, row.fingerprint) == (swap.expected_generation, swap.expected_fingerprint)
    return move(row, swap, window) if matches else None


def _swap_blindly(row: Session, swap: Swap, window: int) -> Session | None:
    return move(row, swap, window) if row.revoked_at is None else None


def _random_successor(token: RefreshToken, *rest: object, **named: object) -> RefreshToken:
    return successor_of(token, *rest, **(named | {"key_hash": None}))  # type: ignore[arg-type]


def _successor_by_signer(
    token: RefreshToken, keys: KeyRing, *, key_hash: bytes | None, entropy: bytes, now: int, expires_at: int
) -> RefreshToken:
    signed = key_hash and hashlib.sha256(key_hash + bytes([token.key_id])).digest()[:16]
    return successor_of(token, keys, key_hash=signed, entropy=entropy, now=now, expires_at=expires_at)


MUTANTS = (
    Mutant("the committed token repeats under any key", _table(_repeat_under_any_key), THIEF, "P2"),
    Mutant("ancestors repeat under any key", _table(_repeat_ancestors_under_any_key), THIEF, "P2"),
    Mutant("a repeat always brings an access token", _table(_always_with_access_token), SERIAL, "P2"),
    Mutant("the keyless repeat what was keyed", _table(_repeat_for_the_keyless), THIEF, "P2"),
    Mutant("an old repeat is reuse", _table(_no_old_repeat), KEYLESS, "P1"),
    Mutant("no ancestor repeats", _table(_no_ancestors), SERIAL, "P1"),
    Mutant("nothing recovers", _table(_no_recover), FORGETFUL, "P1"),
    Mutant("an unknown key matches nothing", _table(_unknown_matches_nothing), FORGETFUL, "P1"),
    Mutant("only one forgotten generation is known", _table(_one_forgotten_only), FORGETFUL, "P1"),
    Mutant("siblings recover", _table(_recover_over_siblings), THIEF, "P"),
    Mutant("a fork advances", _table(_advance_from_anywhere), THIEF, "P"),
    Mutant("keyed clients can be late", _table(_late_for_everyone), THIEF, "P2"),
    Mutant("the sign-in counts as keyless client", _table(_late_after_sign_in), THIEF, "P2"),
    Mutant("reuse ends without revoking", _table(_ended_unrevoked), THIEF, "P2"),
    Mutant("a store swaps after a revoke", Rules(apply=_swap_after_revoke), LOGOUT, "P8"),
    Mutant("a store swaps without comparing", Rules(apply=_swap_blindly), THIEF, "P"),
    Mutant("a server does not compare generations", Rules(compares_generation=False), TABS, "P1"),
    Mutant("keyed successors are random", Rules(successor_of=_random_successor), TABS, "P1"),
    Mutant("successors depend on the signing secret", Rules(successor_of=_successor_by_signer), ROLLOUT, "P1"),
    Mutant("the store keeps one ancestor", Rules(), replace(SERIAL, window=1), "P1"),
)
