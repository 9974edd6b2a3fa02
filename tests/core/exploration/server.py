"""What the server does with one request, in the steps between which others can come.

As in `sessions.refresh`: the expected swap first; where it does not apply, find and decide, and swap under the
condition of the row that was read. Verdicts are those of the real table; this file only keeps the row, which
is compared and swapped as `core.session.Swap` says and has no rule of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple, assert_never

from gatepass.core.policy import Policy
from gatepass.core.refresh_token import successor_of
from gatepass.core.rotation import Advance, Ended, Late, Outcome, Recover, Repeat, Reuse, decide, expected_swap
from gatepass.core.session import MAX_ANCESTORS, NO_KEY, UNKNOWN_KEY, Ancestor, Session, Swap
from tests.core.exploration.names import EXPIRY, NOW, SID, Names, SuccessorOf, generation

POLICY = Policy.standard()
OLD_COMMIT = NOW - POLICY.leeway - 1
Kind = Literal["ended", "advance", "repeat", "repeat with pass", "recover", "late", "reuse"]
Apply = Callable[[Session, Swap, int], Session | None]


def apply(row: Session, swap: Swap, window: int) -> Session | None:
    """The compare-and-swap that every store does (the contract of `Swap`)."""
    if row.revoked_at is not None or row.expires_at <= swap.now:
        return None
    if (row.generation, row.fingerprint) != (swap.expected_generation, swap.expected_fingerprint):
        return None
    return move(row, swap, window)


def move(row: Session, swap: Swap, window: int) -> Session:
    """The row after the swap, whatever it was before."""
    left = Ancestor(row.fingerprint, row.key_hash)
    return replace(
        row,
        generation=swap.generation,
        fingerprint=swap.fingerprint,
        key_hash=swap.key_hash,
        committed_at=swap.now,
        ancestors=(*swap.skipped, left, *row.ancestors)[:window],
    )


@dataclass(frozen=True)
class Rules:
    """What is explored: the real functions, or one of them replaced by a mutant."""

    decide: Callable[..., Outcome] = decide
    expected_swap: Callable[..., Swap] = expected_swap
    successor_of: SuccessorOf = successor_of
    apply: Apply = apply
    compares_generation: bool = True
    window: int = MAX_ANCESTORS


class Row(NamedTuple):
    """A session row by names. `fresh`: committed within the leeway. Ancestors are (token, key), newest first."""

    committed: str = ""
    key: str = "-"
    fresh: bool = False
    ancestors: tuple[tuple[str, str], ...] = ()
    revoked: bool = False


class Verdict(NamedTuple):
    """The outcome of the table, by name; `expected` is what the row must still be for its swap."""

    kind: Kind
    expected: str = ""


class Server:
    """The steps of one refresh, remembered for equal arguments (all of them are pure)."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.names = Names(rules.successor_of)
        self._decided: dict[tuple[str, str, str], Swap] = {}
        self.swap_first = cache(self._swap_first)
        self.judge = cache(self._judge)
        self.swap = cache(self._swap)

    def _swap_first(self, row: Row, token: str, key: str) -> Row | None:
        hashed = self.names.key(key, generation(token))
        swap = self.rules.expected_swap(self.names.real(token), key_hash=hashed, now=NOW)
        return self._applied(row, swap)

    def _judge(self, row: Row, token: str, key: str) -> Verdict:
        match self._decide(row, token, key):
            case Ended():
                return Verdict("ended")
            case Advance(swap):
                return Verdict("advance", self._note(swap, token, key))
            case Recover(swap):
                return Verdict("recover", self._note(swap, token, key))
            case Repeat(with_access_token=timely):
                return Verdict("repeat with pass" if timely else "repeat")
            case Late():
                return Verdict("late")
            case Reuse():
                return Verdict("reuse")
            case other:
                assert_never(other)

    def _swap(self, row: Row, token: str, key: str, expected: str) -> Row | None:
        """The swap that was decided upon when `expected` was committed, on the row as it is now."""
        if (token, key, expected) not in self._decided:  # decided upon under longer names, and cut since
            self.judge(Row(expected), token, key)
        return self._applied(row, self._decided[token, key, expected])

    def _note(self, swap: Swap, token: str, key: str) -> str:
        expected = self.names.name_of(swap.expected_fingerprint)
        noted = self._decided.setdefault((token, key, expected), swap)
        assert noted == swap, "a swap depends on token, key and committed token alone"
        return expected

    def _decide(self, row: Row, token: str, key: str) -> Outcome:
        hashed = self.names.key(key, generation(token))
        return self.rules.decide(self.session(row), self.names.real(token), key_hash=hashed, now=NOW, policy=POLICY)

    def _applied(self, row: Row, swap: Swap) -> Row | None:
        swapped = self.rules.apply(self.session(row), swap, self.rules.window)
        return None if swapped is None else self.row(swapped)

    def session(self, row: Row) -> Session:
        """The real record of a row."""
        names = self.names
        return Session(
            sid=SID,
            account_id="account",
            generation=generation(row.committed),
            fingerprint=names.fingerprint(row.committed),
            key_hash=self._recorded(row.committed, row.key),
            committed_at=NOW if row.fresh else OLD_COMMIT,
            ancestors=tuple(
                Ancestor(names.fingerprint(token), self._recorded(token, key)) for token, key in row.ancestors
            ),
            created_at=0,
            expires_at=EXPIRY,
            authenticated_at=0,
            remember=True,
            client="",
            last_ip_prefix="",
            revoked_at=NOW if row.revoked else None,
            revoke_reason="revoked" if row.revoked else None,
        )

    def row(self, session: Session) -> Row:
        """A real record by names."""
        names = self.names
        committed = names.name_of(session.fingerprint)
        return Row(
            committed=committed,
            key=names.key_name(session.key_hash, generation(committed)),
            fresh=session.committed_at == NOW,
            ancestors=tuple(
                (names.name_of(fingerprint), names.key_name(key, generation(names.name_of(fingerprint))))
                for fingerprint, key in session.ancestors
            ),
            revoked=session.revoked_at is not None,
        )

    def _recorded(self, token: str, key: str) -> bytes:
        if key == "?":
            return UNKNOWN_KEY
        return self.names.key(key, generation(token)) or NO_KEY
