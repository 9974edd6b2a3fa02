"""Secrets are strong or refused; every key serves one purpose; what is published is public."""

import base64
import hashlib
import hmac
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc.jwk import ECKey, KeySet, OKPKey

from gatepass.core.base64url import encode
from gatepass.core.keyring import (
    ALGORITHMS,
    P256_ORDER,
    Algorithm,
    KeyRing,
    Secrets,
    SigningKey,
    compose_secret,
    convert_secret,
    derive,
    jwks,
    parse_secret,
)
from gatepass.errors import ConfigurationError

STRONG = [hashlib.sha256(name).digest() for name in (b"one", b"two", b"three")]
MADE = compose_secret(STRONG[0])
PURPOSES = ("key id", "refresh token mac", "access token EdDSA", "access token ES256", "access token HS256")


def test_random_bytes_of_256_bits_and_more_make_a_secret() -> None:
    for size in (32, 33, 48, 64):
        for _ in range(50):
            raw = secrets.token_bytes(size)
            assert parse_secret(compose_secret(raw)) == raw


def test_a_text_that_no_program_made_is_no_secret() -> None:
    for text in (
        "ThisIsTheSecretOfOurProductionServerIn2026x",
        encode(bytes(32)),
        encode(STRONG[0][:31]),
        encode(STRONG[0] + STRONG[1]),
        f"gp_sk_{encode(STRONG[0])}",
        f"gp_sk_{encode(STRONG[0] + bytes(4))}",
        compose_secret(STRONG[0]).replace("gp_sk_", "GP_SK_"),
    ):
        with pytest.raises(ConfigurationError):
            parse_secret(text)


def test_a_random_text_without_a_prefix_is_a_secret_on_this_machine_only() -> None:
    bare = encode(STRONG[0])
    assert parse_secret(bare) == STRONG[0]
    for rings in (Secrets([bare]), Secrets([MADE], feed=[bare]), Secrets([MADE], peppers=[MADE, bare])):
        with pytest.raises(ConfigurationError, match="a secret begins with gp_sk_"):
            rings.require_prefixes()
    Secrets([MADE], feed=[MADE], peppers=[MADE]).require_prefixes()


def test_a_secret_with_one_wrong_character_is_refused() -> None:
    text = compose_secret(STRONG[0])
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(ConfigurationError):
            parse_secret(text[:place] + other + text[place + 1 :])


def test_a_secret_of_an_earlier_version_becomes_one_of_today_with_the_same_key() -> None:
    for text in (encode(STRONG[0]), base64.b64encode(STRONG[0]).decode()):
        assert parse_secret(convert_secret(text)) == STRONG[0]
    for weak in (
        "",
        "changeme",
        encode(bytes(32)),
        "passwordpasswordpasswordpasswordpasswordpas",
        compose_secret(STRONG[0]),
    ):
        with pytest.raises(ConfigurationError, match="no secret of an earlier version"):
            convert_secret(weak)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "changeme",
        "secret",
        encode(bytes(range(31))),
        encode(bytes(32)),
        encode(b"\xff" * 64),
        encode(b"0123456789abcde" * 3),
        encode(b"passwordpasswordpasswordpassword"),
        "correct horse battery staple correct horse",
        compose_secret(STRONG[0]) + "!",
        compose_secret(STRONG[0]) + "\n",
        " " + compose_secret(STRONG[0]),
        compose_secret(STRONG[0]) + "AA",
        compose_secret(STRONG[0])[:20] + "!!!!" + compose_secret(STRONG[0])[20:],
        "é" * 43,
        "A" * 43,
        "ab" * 32,
    ],
)
def test_short_repetitive_and_misspelt_secrets_are_refused_with_what_to_run(text: str) -> None:
    with pytest.raises(ConfigurationError, match="gatepass init") as refusal:
        parse_secret(text)
    assert len(text) < 10 or text not in str(refusal.value)


def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="gatepass init"):
        KeyRing([])


def test_two_secrets_with_one_key_id_are_refused() -> None:
    first = STRONG[0]
    key_id = derive(first, "key id")[0]
    candidates = (hashlib.sha256(b"%d" % number).digest() for number in range(10_000))
    twin = next(secret for secret in candidates if derive(secret, "key id")[0] == key_id)
    with pytest.raises(ConfigurationError, match="key id"):
        KeyRing([first, twin])
    with pytest.raises(ConfigurationError, match="key id"):
        KeyRing([first, first])


def test_the_first_secret_signs_and_all_are_found() -> None:
    ring = KeyRing(STRONG)
    singles = [KeyRing([secret]) for secret in STRONG]
    assert ring.current.key_id == singles[0].current.key_id
    assert ring.signing_keys[0].kid == singles[0].signing_keys[0].kid
    for single in singles:
        found = ring.find(single.current.key_id)
        assert found is not None
        assert found.mac.digest(b"body") == single.current.mac.digest(b"body")
    unknown = next(key_id for key_id in range(256) if key_id not in {single.current.key_id for single in singles})
    assert ring.find(unknown) is None


def test_every_purpose_has_a_key_of_its_own() -> None:
    derived = {derive(secret, purpose)[:16] for secret in STRONG for purpose in PURPOSES}
    assert len(derived) == len(STRONG) * len(PURPOSES)
    assert not derived & {secret[:16] for secret in STRONG}


def test_a_key_is_always_derived_alike() -> None:
    for algorithm in ALGORITHMS:
        one, other = (SigningKey.from_secret(STRONG[0], algorithm) for _ in range(2))
        assert (one.kid, one.header) == (other.kid, other.header)


def test_no_key_is_shared_between_algorithms() -> None:
    assert len({SigningKey.from_secret(STRONG[0], algorithm).kid for algorithm in ALGORITHMS}) == len(ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_the_kid_is_the_thumbprint_as_an_independent_library_computes_it(algorithm: Algorithm) -> None:
    for key in KeyRing(STRONG, algorithm=algorithm).signing_keys:
        assert key.jwk is not None
        peer = (OKPKey if algorithm == "EdDSA" else ECKey).import_key(dict(key.jwk))
        assert peer.thumbprint() == key.kid == key.jwk["kid"]
        assert not peer.is_private


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_the_published_keys_have_public_members_only(algorithm: Algorithm) -> None:
    published = jwks(KeyRing(STRONG, algorithm=algorithm).signing_keys)
    assert len(KeySet.import_key_set(published).keys) == len(STRONG)  # type: ignore[arg-type]
    allowed = {"kty", "crv", "x", "y", "kid", "alg", "use"}
    for key in published["keys"]:
        assert set(key) <= allowed
        assert (key["alg"], key["use"]) == (algorithm, "sig")


def test_shared_secrets_are_never_published() -> None:
    assert jwks(KeyRing(STRONG, algorithm="HS256").signing_keys) == {"keys": []}


def test_the_header_names_algorithm_key_and_type_in_this_order() -> None:
    for algorithm in ALGORITHMS:
        key = SigningKey.from_secret(STRONG[0], algorithm)
        expected = f'{{"alg":"{algorithm}","kid":"{key.kid}","typ":"at+jwt"}}'
        assert key.header.decode() == encode(expected.encode())


def test_keys_are_of_the_right_kind_and_size() -> None:
    edwards, curve, shared = (SigningKey.from_secret(STRONG[0], algorithm).private for algorithm in ALGORITHMS)
    assert isinstance(edwards, ed25519.Ed25519PrivateKey)
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert isinstance(curve.curve, ec.SECP256R1)
    assert 1 <= curve.private_numbers().private_value < P256_ORDER
    assert isinstance(shared, bytes)
    assert len(shared) == 32


def test_no_representation_shows_a_key() -> None:
    for algorithm in ALGORITHMS:
        ring = KeyRing(STRONG, algorithm=algorithm)
        shown = repr(ring) + repr(ring.current) + repr(ring.signing_keys) + str(vars(ring))
        for secret in (*STRONG, *(derive(STRONG[0], label) for label in ("refresh token mac", "access token HS256"))):
            assert secret.hex() not in shown
            assert repr(secret)[2:-1] not in shown
            assert encode(secret) not in shown


def test_what_a_secret_stands_for_never_changes() -> None:
    """Another label in a later version would sign everybody out, and orphan every published key."""
    secret = bytes(range(32))
    keys = KeyRing([secret]).current
    kids = {algorithm: SigningKey.from_secret(secret, algorithm).kid for algorithm in ALGORITHMS}
    assert keys.key_id == 85
    mac_key = bytes.fromhex("2b4c58f3647148a89746b46aa14129212a8c7bb0b652df295013164d9f6f2764")
    assert keys.mac.digest(b"body") == hmac.digest(mac_key, b"body", "sha256")
    assert keys.seal.hex() == "79085786b1c918b1d1b810b1d405263abae608a480566166b22bfa065571f59c"
    assert kids == {
        "EdDSA": "eY6Oo_t2AhF1HtxGIhyy606JKoD-4D89efM6GJYWQZI",
        "ES256": "_dwebBNG1FLX_PYJl6K5cJSYjY8YPu30hkHLYgANDo0",
        "HS256": "5u5MV8GpZiZHGaXComycP7QsyakaPDzfVgAvKKGfeHI",
    }
    shared = SigningKey.from_secret(secret, "HS256").private
    assert isinstance(shared, bytes)
    assert shared.hex() == "f667d32724cde4114fd656c38f4ea6e94186a93b4ecb4851bb049a0dfaff8a35"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (encode(STRONG[0][1:]), "a secret begins with gp_sk_; make one with: gatepass init, or gatepass secret."),
        (compose_secret(bytes(range(31))), "a secret is incomplete or mistyped: copy it again"),
        (compose_secret(STRONG[0])[:-1], "a secret is incomplete or mistyped: copy it again"),
        (compose_secret(STRONG[0]) + "=", "a secret is incomplete or mistyped: copy it again"),
    ],
)
def test_each_refusal_says_what_is_wrong_with_a_secret(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_secret(text)
    assert str(refusal.value).startswith(said)


def test_one_text_in_place_of_a_list_of_secrets_is_refused_as_that() -> None:
    with pytest.raises(ConfigurationError, match="`secrets` must be a list of secrets, not one text"):
        Secrets(compose_secret(STRONG[0]))
    with pytest.raises(ConfigurationError, match="`peppers` must be a list"):
        Secrets([compose_secret(STRONG[0])], peppers=compose_secret(STRONG[0]))


def test_an_empty_ring_and_a_doubled_key_id_are_refused_in_words() -> None:
    with pytest.raises(ConfigurationError) as empty:
        KeyRing([])
    with pytest.raises(ConfigurationError) as doubled:
        KeyRing([STRONG[0], STRONG[0]])
    assert str(empty.value) == "there is no secret; make one with: gatepass init"
    assert str(doubled.value) == "two secrets share a key id; replace the newer one: gatepass init"
