"""A challenge counts for the ceremony that it was made for, for five minutes, on every server with the secret."""

from gatepass.core.keyring import KeyRing
from gatepass.core.passkey_challenge import CHALLENGE_TTL, compose_challenge, read_challenge, user_handle

NOW = 1_800_000_000
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
KEYS = KeyRing([OLD])
MADE = compose_challenge(KEYS, "add", belongs_to=b"ann|s", now=NOW, nonce=b"n" * 16)


def test_it_counts_until_it_expires() -> None:
    until = NOW + CHALLENGE_TTL
    assert read_challenge(MADE, KEYS, "add", belongs_to=b"ann|s", now=NOW) == until
    assert read_challenge(MADE, KEYS, "add", belongs_to=b"ann|s", now=until - 1) == until
    assert read_challenge(MADE, KEYS, "add", belongs_to=b"ann|s", now=until) is None
    assert read_challenge(MADE, KEYS, "add", belongs_to=b"ann|s", now=NOW - 1) is None


def test_it_belongs_to_one_ceremony() -> None:
    assert read_challenge(MADE, KEYS, "sign-in", belongs_to=b"ann|s", now=NOW) is None
    for other in (b"", b"ann|t", b"bob|s", b"ann|s" + MADE[:1]):
        assert read_challenge(MADE, KEYS, "add", belongs_to=other, now=NOW) is None


def test_a_changed_one_does_not_count() -> None:
    for place in range(len(MADE)):
        changed = bytearray(MADE)
        changed[place] ^= 1
        assert read_challenge(bytes(changed), KEYS, "add", belongs_to=b"ann|s", now=NOW) is None
    for raw in (b"", MADE[:-1], MADE + b"\0"):
        assert read_challenge(raw, KEYS, "add", belongs_to=b"ann|s", now=NOW) is None


def test_a_rollout_of_a_secret_breaks_none() -> None:
    both, renewed = KeyRing([OLD, NEW]), KeyRing([NEW, OLD])
    for keys in (both, renewed):
        assert read_challenge(MADE, keys, "add", belongs_to=b"ann|s", now=NOW) == NOW + CHALLENGE_TTL
    assert read_challenge(MADE, KeyRing([NEW]), "add", belongs_to=b"ann|s", now=NOW) is None


def test_a_handle_is_the_same_each_time_and_says_nothing() -> None:
    assert user_handle(KEYS, "ann") == user_handle(KEYS, "ann")
    assert len({user_handle(KEYS, name) for name in ("ann", "bob", "ann ")}) == 3
    assert len(user_handle(KEYS, "ann")) == 32
