"""Refresh tokens, each the successor of another, and the row of their session after some were presented."""

import hashlib

from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import Channel, RefreshToken, first_of, successor_of
from gatepass.core.rotation import Outcome, Repeat, decide, expected_swap
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, Session
from tests.core.exploration.server import apply

NOW = 1_800_000_000
POLICY = Policy.standard()
KEYS = KeyRing([hashlib.sha256(b"secret").digest()])
OWNER, THIEF = BindingKey(b"o" * 32), BindingKey(b"t" * 32)


def begin(key: BindingKey | None) -> RefreshToken:
    return first_of(
        b"s" * 16,
        KEYS,
        channel=Channel.HOST,
        binding_key=key,
        nonce=b"n" * 16,
        parent=bytes(range(16)),
        now=NOW,
        expires_at=NOW + 1000,
    )


FIRST, BOUND = begin(None), begin(OWNER)


def signed_in(first: RefreshToken) -> Session:
    """The row of a sign-in that handed out `first`."""
    return Session(
        sid=first.sid,
        account_id="a",
        generation=-1,
        fingerprint=first.follows,
        binding=first.binding,
        previous=NO_FINGERPRINT,
        committed_at=NOW,
        created_at=NOW,
        expires_at=NOW + 1000,
        authenticated_at=NOW,
        methods=("pwd",),
        remember=True,
        client="",
        last_ip_prefix="",
    )


def child(
    token: RefreshToken, key: BindingKey | None = None, entropy: bytes = b"e", generation: int = 0
) -> RefreshToken:
    return successor_of(
        token,
        KEYS,
        generation=generation or token.generation + 1,
        binding_key=key,
        entropy=entropy * 16,
        now=NOW,
        expires_at=NOW + 1000,
    )


def line(first: RefreshToken, length: int) -> list[RefreshToken]:
    """Tokens, each issued for the one before; bound ones under the owner's key."""
    tokens = [first]
    while len(tokens) < length:
        tokens.append(child(tokens[-1], OWNER if first.is_bound else None))
    return tokens


def commit(row: Session, *tokens: RefreshToken, key: BindingKey | None = None) -> Session:
    """The row after all of these have been presented, unbound ones with `key`."""
    for token in tokens:
        after = apply(row, expected_swap(token, binding=binding(token, key), now=NOW))
        assert after is not None
        row = after
    return row


def binding(token: RefreshToken, key: BindingKey | None) -> bytes:
    """What the server takes as binding of a request: the token's, else that of the offered key."""
    return token.binding if token.is_bound else key.binding if key else NO_BINDING


def ask(session: Session | None, token: RefreshToken, key: BindingKey | None = None, now: int = NOW) -> Outcome:
    return decide(session, token, binding=binding(token, key), now=now, policy=POLICY)


def repeats(outcome: Outcome, *, with_access_token: bool) -> bool:
    return isinstance(outcome, Repeat) and outcome.with_access_token == with_access_token


AGES = [
    (0, True),
    (POLICY.leeway, True),
    (POLICY.leeway + 1, False),
    (900, False),
    (-1, True),
    (-POLICY.clock_skew, True),
    (-POLICY.clock_skew - 1, False),
]
