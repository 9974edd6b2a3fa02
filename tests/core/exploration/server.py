"""What the server does with one request, in the steps between which others can come.

As in `sessions.refresh`: the proof, then the expected swap; where it does not apply, find and decide, and swap under
the condition of the row that was read. Verdicts are those of the real table; this file only keeps the row, which is
compared and swapped as `core.session.Swap` says and has no rule of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple, assert_never

from gatepass.core.binding import Proof, prove
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken, proven_key, successor_of
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
from gatepass.core.session import NO_FINGERPRINT, Session, Swap
from tests.core.exploration.names import (
    BASE,
    BINDINGS,
    EXPIRY,
    KEYS,
    LETTERS,
    NOW,
    RINGS,
    SID,
    Names,
    SuccessorOf,
    Token,
)

POLICY = Policy.standard()
OLD_COMMIT = NOW - POLICY.leeway - 1
Kind = Literal["unproven", "missing", "ended", "advance", "repeat", "repeat with pass", "recover", "late", "reuse"]
Device = Literal["none", "key", "proven", "thief's key", "thief's, proven"]
"""Of the device in a row: nothing, its key (`device_key`), or its first proof too (`device_since`); and whose it is."""
_DEVICES: dict[Device, tuple[bytes, int | None]] = {
    "none": (b"", None),
    "key": (b"the owner's", None),
    "proven": (b"the owner's", NOW),
    "thief's key": (b"the thief's", None),
    "thief's, proven": (b"the thief's", NOW),
}
_DEVICE_NAMES = {known: name for name, known in _DEVICES.items()}
PROVEN: tuple[Device, ...] = ("proven", "thief's, proven")
SetDevice = Callable[[Session, bytes, int | None], Session | None]
Apply = Callable[[Session, Swap], Session | None]
IsProven = Callable[[RefreshToken, KeyRing, Proof | None], bool]


def is_proven(token: RefreshToken, keys: KeyRing, proof: Proof | None) -> bool:
    """As in `RefreshCookies.present`: an unbound token needs no proof."""
    return not token.is_bound or proven_key(token, keys, proof) is not None


def apply(row: Session, swap: Swap) -> Session | None:
    """The compare-and-swap that every store does (the contract of `Swap`)."""
    if row.revoked_at is not None or row.expires_at <= swap.now:
        return None
    if row.device_since is not None and not swap.shown_device:
        return None
    expected = (swap.expected_generation, swap.expected_fingerprint, swap.expected_binding)
    return move(row, swap) if (row.generation, row.fingerprint, row.binding) == expected else None


def set_device(row: Session, key: bytes, since: int | None) -> Session | None:
    """What every store does with a registration and with a first proof (the contract of `set_device`)."""
    if row.revoked_at is not None or row.device_key not in (b"", key):
        return None
    return replace(row, device_key=key, device_since=row.device_since if row.device_since is not None else since)


def move(row: Session, swap: Swap) -> Session:
    """The row after the swap, whatever it was before."""
    return replace(
        row,
        generation=swap.generation,
        fingerprint=swap.fingerprint,
        binding=swap.binding,
        previous=swap.previous,
        committed_at=swap.now,
    )


@dataclass(frozen=True)
class Rules:
    """What is explored: the real functions, or one of them replaced by a mutant."""

    decide: Callable[..., Outcome] = decide
    expected_swap: Callable[..., Swap] = expected_swap
    successor_of: SuccessorOf = successor_of
    prove: Callable[..., str] = prove
    is_proven: IsProven = is_proven
    apply: Apply = apply
    set_device: SetDevice = set_device
    compares_state: bool = True
    """Whether the generation and challenge of the header are compared with those of the cookie before all else."""


class Row(NamedTuple):
    """A session row by names. `fresh`: committed within the leeway. `key`: the letter of its binding."""

    committed: Token
    key: str = "-"
    previous: Token | None = None
    fresh: bool = False
    revoked: bool = False
    device: Device = "none"


class Request(NamedTuple):
    """What comes to the server: a token, the letter of the key that goes along, the token that the proof is for.

    `shown`: the cookie of a device of the session came along.
    """

    token: Token
    key: str
    proof_for: Token
    shown: bool = False


class Verdict(NamedTuple):
    """The outcome of the table, by name; `expected` and `key` are what the row must still be for its swap."""

    kind: Kind
    expected: Token | None = None
    key: str = "-"


class Server:
    """The steps of one refresh, remembered for equal arguments (all of them are pure)."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.names = Names(rules.successor_of)
        self._decided: dict[tuple[Token, str, Token, str, bool], Swap] = {}
        self.proves = cache(self._proves)
        self.swap_first = cache(self._swap_first)
        self.judge = cache(self._judge)
        self.swap = cache(self._swap)

    def binding_letter(self, request: Request) -> str:
        """The letter of the key under which the answer is: that of the token, else the offered one."""
        return request.token.bound_to if request.token.is_bound else request.key

    def _proves(self, request: Request) -> bool:
        """The caller names the state of the token that it presents; the HMAC is the one that it has."""
        claimed, made_for = self.names.real(request.token), self.names.real(request.proof_for)
        proof = None
        if request.key != "-":
            text = self.rules.prove(
                KEYS[request.key].reveal(), sid=SID, generation=made_for.generation, challenge=made_for.challenge
            )
            proof = Proof(claimed.generation, claimed.challenge, text)
        return self.rules.is_proven(claimed, RINGS[""], proof)

    def _swap_first(self, row: Row, request: Request) -> Row | None:
        binding = BINDINGS[self.binding_letter(request)]
        token = self.names.real(request.token)
        swap = self.rules.expected_swap(token, binding=binding, now=NOW, shown_device=request.shown)
        return self._applied(row, swap)

    def _judge(self, row: Row, request: Request) -> Verdict:
        if not self.proves(request):
            return Verdict("unproven")
        match self._decide(row, request):
            case Ended():
                return Verdict("ended")
            case Advance(swap):
                return self._note("advance", swap, request)
            case Recover(swap):
                return self._note("recover", swap, request)
            case Repeat(with_access_token=timely):
                return Verdict("repeat with pass" if timely else "repeat")
            case Late():
                return Verdict("late")
            case Reuse():
                return Verdict("reuse")
            case DeviceMissing():
                return Verdict("missing")
            case other:
                assert_never(other)

    def _swap(self, row: Row, request: Request, expected: Token, key: str) -> Row | None:
        """The swap that was decided upon when `expected` was committed under `key`, on the row as it is now."""
        asked = (request.token, self.binding_letter(request), expected, key, request.shown)
        if asked not in self._decided:  # decided upon under other names, and re-rooted since
            self.judge(Row(expected, key), request)
        return self._applied(row, self._decided[asked])

    def _note(self, kind: Kind, swap: Swap, request: Request) -> Verdict:
        expected, key = self.names.name_of(swap.expected_fingerprint), LETTERS[swap.expected_binding]
        asked = (request.token, self.binding_letter(request), expected, key, request.shown)
        noted = self._decided.setdefault(asked, swap)
        assert noted == swap, "a swap depends on the request and the committed token alone"
        return Verdict(kind, expected, key)

    def _decide(self, row: Row, request: Request) -> Outcome:
        token = self.names.real(request.token)
        binding = BINDINGS[self.binding_letter(request)]
        return self.rules.decide(
            self.session(row), token, binding=binding, now=NOW, policy=POLICY, shown_device=request.shown
        )

    def set_device(self, row: Row, device: Device) -> Row | None:
        """The row after a registration, or after a first proof; None where it is refused."""
        changed = self.rules.set_device(self.session(row), *_DEVICES[device])
        return None if changed is None else self.row(changed)

    def _applied(self, row: Row, swap: Swap) -> Row | None:
        swapped = self.rules.apply(self.session(row), swap)
        return None if swapped is None else self.row(swapped)

    def session(self, row: Row) -> Session:
        """The real record of a row."""
        return Session(
            sid=SID,
            account_id="account",
            generation=BASE + row.committed.generation,
            fingerprint=self.names.fingerprint(row.committed),
            binding=BINDINGS[row.key],
            previous=self.names.fingerprint(row.previous) if row.previous else NO_FINGERPRINT,
            committed_at=NOW if row.fresh else OLD_COMMIT,
            created_at=0,
            expires_at=EXPIRY,
            authenticated_at=0,
            methods=("pwd",),
            remember=True,
            client="",
            last_ip_prefix="",
            revoked_at=NOW if row.revoked else None,
            revoke_reason="revoked" if row.revoked else None,
            device_key=_DEVICES[row.device][0],
            device_since=_DEVICES[row.device][1],
        )

    def row(self, session: Session) -> Row:
        """A real record by names."""
        names = self.names
        return Row(
            committed=names.name_of(session.fingerprint),
            key=LETTERS[session.binding],
            previous=None if session.previous == NO_FINGERPRINT else names.name_of(session.previous),
            fresh=session.committed_at == NOW,
            revoked=session.revoked_at is not None,
            device=_DEVICE_NAMES[session.device_key, session.device_since],
        )
