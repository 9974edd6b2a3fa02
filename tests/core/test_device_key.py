"""The proofs of devices: what the draft, Chromium and other servers call valid is, and nothing else (DB-02, DB-03)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.base64url import decode, encode
from gatepass.core.device_key import DeviceAlgorithm, DeviceKey, InvalidDeviceProof, read_refresh, read_registration
from gatepass.core.signature import der_of
from gatepass.testing.virtual_device import SoftwareKey

VECTORS = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"
EC_KEY, RSA_KEY = SoftwareKey.make(), SoftwareKey.make("RS256")
KEYS = {"ES256": EC_KEY, "RS256": RSA_KEY}
ALGORITHMS: tuple[DeviceAlgorithm, ...] = ("ES256", "RS256")
CLAIMS = {"jti": "c"}


def header(key: SoftwareKey, **more: Any) -> dict[str, Any]:
    return {"alg": key.algorithm, "typ": "dbsc+jwt", **more}


def registration(key: SoftwareKey = EC_KEY, **changes: Any) -> str:
    return key.sign(header(key, jwk=key.jwk()) | changes, CLAIMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_survives_its_row(algorithm: DeviceAlgorithm) -> None:
    key = DeviceKey.from_jwk(dict(KEYS[algorithm].jwk()))
    stored = key.to_bytes()
    assert len(stored) == {"ES256": 34, "RS256": 271}[algorithm]
    assert DeviceKey.from_bytes(stored).to_bytes() == stored
    assert read_refresh(KEYS[algorithm].sign(header(KEYS[algorithm]), CLAIMS), DeviceKey.from_bytes(stored))


@pytest.mark.parametrize(
    "stored", [b"", b"\x00", b"\x01", b"\x01" + bytes(33), b"\x02" + bytes(9), b"\x03" + bytes(33)]
)
def test_what_is_no_stored_key_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError):
        DeviceKey.from_bytes(stored)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_registration_is_signed_by_the_key_that_it_brings(algorithm: DeviceAlgorithm) -> None:
    key = KEYS[algorithm]
    proof = read_registration(registration(key))
    assert (proof.challenge, proof.key.algorithm) == ("c", algorithm)
    other = SoftwareKey.make()
    with pytest.raises(InvalidDeviceProof):
        read_registration(other.sign(header(other, jwk=EC_KEY.jwk()), CLAIMS))


def test_an_earlier_draft_has_the_key_in_the_payload() -> None:
    proof = read_registration(EC_KEY.sign(header(EC_KEY), CLAIMS | {"key": EC_KEY.jwk(), "iat": 1}))
    assert proof.key.to_bytes() == DeviceKey.from_jwk(dict(EC_KEY.jwk())).to_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "jwt"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": ["ES256"]},
        {"crit": ["b64"], "b64": False},
        {"jwk": None},
        {"jwk": "text"},
        {"jwk": {}},
        {"jwk": EC_KEY.jwk() | {"d": "AA"}},
        {"jwk": EC_KEY.jwk() | {"crv": "P-384"}},
        {"jwk": EC_KEY.jwk() | {"x": encode(bytes(32))}},
        {"jwk": EC_KEY.jwk() | {"x": EC_KEY.jwk()["x"] + "AA"}},
        {"jwk": EC_KEY.jwk() | {"y": EC_KEY.jwk()["y"] + "="}},
        {"jwk": EC_KEY.jwk() | {"y": 7}},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": EC_KEY.jwk()["x"]}},
        {"jwk": RSA_KEY.jwk()},
    ],
)
def test_a_registration_with_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeviceProof):
        read_registration(registration(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"e": encode(b"\x03")},
        {"e": encode(b"\x01")},
        {"e": encode(bytes([0, 1, 0, 1]))},
        {"n": encode(bytes([0]) + decode(RSA_KEY.jwk()["n"].encode()))},
        {"n": encode(decode(RSA_KEY.jwk()["n"].encode())[:128])},
        {"n": encode(decode(RSA_KEY.jwk()["n"].encode()) * 3)},
    ],
)
def test_an_rsa_key_that_is_weak_slow_or_spelt_otherwise_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidDeviceProof):
        read_registration(registration(RSA_KEY, jwk=RSA_KEY.jwk() | changes))


def test_a_refresh_is_verified_with_the_stored_key_alone() -> None:
    """A key in the proof of a refresh would be the attacker's: it is refused, also if it is the stored one (DB-03)."""
    stored = DeviceKey.from_jwk(dict(EC_KEY.jwk()))
    assert read_refresh(EC_KEY.sign(header(EC_KEY), CLAIMS), stored).challenge == "c"
    attacker = SoftwareKey.make()
    for text in (registration(), registration(attacker), attacker.sign(header(attacker), CLAIMS)):
        with pytest.raises(InvalidDeviceProof):
            read_refresh(text, stored)


def test_the_algorithm_is_that_of_the_key() -> None:
    """RSA's signature under a header that says ES256, and the other way round (RFC 8725 §3.1)."""
    for key, other in ((EC_KEY, RSA_KEY), (RSA_KEY, EC_KEY)):
        with pytest.raises(InvalidDeviceProof):
            read_refresh(key.sign(header(other), CLAIMS), DeviceKey.from_jwk(dict(key.jwk())))


@pytest.mark.parametrize("claims", [{}, {"jti": 7}, {"jti": None}, {"jti": ["c"]}])
def test_a_proof_without_a_challenge_is_none(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeviceProof):
        read_refresh(EC_KEY.sign(header(EC_KEY), claims), DeviceKey.from_jwk(dict(EC_KEY.jwk())))


@given(
    st.one_of(st.text(max_size=80), st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
)
def test_garbage_is_refused_and_never_an_error(text: str) -> None:
    with pytest.raises(InvalidDeviceProof):
        read_registration(text)


@given(st.data())
def test_no_character_of_a_proof_can_be_changed(data: st.DataObject) -> None:
    text = registration()
    where = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.sampled_from("ABCz09-_.="))
    changed = text[:where] + char + text[where + 1 :]
    if changed != text:
        with pytest.raises(InvalidDeviceProof):
            read_registration(changed)


CHALLENGE = "KN3qw_pQxR8tY5uI8oP1aS2dF3gH4jK5lM6nO7pQ8rS"
TOOLKIT_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "OiqsLo2Fgx8s1x5EI9bjUDi5QN9lg9_pM8VGYnvduP4",
    "y": "LItgwbWewmg0rrauKI1IX4tE2WzNnmB322E4UvfSPt8",
}
TOOLKIT_REGISTRATION = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiT2lxc0xvMkZneDhzMXg1"
    "RUk5YmpVRGk1UU45bGc5X3BNOFZHWW52ZHVQNCIsInkiOiJMSXRnd2JXZXdtZzBycmF1S0kxSVg0dEUyV3pObm1CMzIyRTRVdmZTUHQ4In19"
    ".eyJqdGkiOiJLTjNxd19wUXhSOHRZNXVJOG9QMWFTMmRGM2dINGpLNWxNNm5PN3BROHJTIn0"
    ".6YjXpu8GV1Yjw8R5qB42lh_5HPj0USF7RBAmp1gJaKIondZ0rpSIzjVvAbbztFRTGWI0jPPheN2YqDZQ8J_heg"
)
TOOLKIT_REFRESH = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0"
    ".eyJqdGkiOiJLTjNxd19wUXhSOHRZNXVJOG9QMWFTMmRGM2dINGpLNWxNNm5PN3BROHJTIn0"
    ".dZhwcoAWFE9jCoWAInYiaw9z_ZO_nJCfVv8JUGK_5xZybqIal0uWB8Svdid9A4eymcitK8amsuuhrh7t15lsew"
)


def test_the_vectors_of_another_server_hold() -> None:
    """The registration and the refresh of `spec/vectors` of dbsc-toolkit (Apache-2.0)."""
    proof = read_registration(TOOLKIT_REGISTRATION)
    assert proof.challenge == CHALLENGE
    assert proof.key.to_bytes() == DeviceKey.from_jwk(dict(TOOLKIT_KEY)).to_bytes()
    assert read_refresh(TOOLKIT_REFRESH, proof.key).challenge == CHALLENGE
    with pytest.raises(InvalidDeviceProof):
        read_refresh(TOOLKIT_REGISTRATION, proof.key)
    with pytest.raises(InvalidDeviceProof):
        read_registration(TOOLKIT_REFRESH)


def test_the_raw_signature_of_chromiums_own_test_becomes_its_der() -> None:
    """net/device_bound_sessions/session_binding_utils_unittest.cc: the DER in it, and the raw form of it in a proof."""
    der = bytes.fromhex(
        "3045022074a06f6b2b0e820e033b6e98fc899cf330b556d32989b582335f9d97fb656490"
        "022100bcb5ee42e25a87ae2118da7e686530bee5693dc55fd562453e8d0b051a33798d"
    )
    raw = "dKBvaysOgg4DO26Y_Imc8zC1VtMpibWCM1-dl_tlZJC8te5C4lqHriEY2n5oZTC-5Wk9xV_VYkU-jQsFGjN5jQ"
    assert der_of(decode(raw.encode())) == der


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the public test vectors are not beside the project")
def test_wycheproof_keys_and_signatures() -> None:
    """Each raw vector of P-256, and each JWS of ES256 and RS256 under its own key: the check itself is asked."""
    judged = 0
    for group, test in _vectors("ecdsa_secp256r1_sha256_p1363_test.json"):
        if "publicKeyJwk" in group:
            key = DeviceKey.from_jwk(group["publicKeyJwk"])
            held = key.verifies(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert held == (test["result"] == "valid"), (test["tcId"], test["comment"])
            judged += 1
    assert judged > 100
    for group, test in _vectors("json_web_signature_test.json"):
        jwk = group.get("public") or {}
        if jwk.get("alg") in ALGORITHMS and jwk.get("crv") in (None, "P-256"):
            assert _holds(test["jws"], jwk) == (test["result"] == "valid") or test["result"] == "acceptable", test
            judged += 1
    assert judged > 200


def _vectors(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    groups = json.loads((VECTORS / "wycheproof" / name).read_text("utf-8"))["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


def _holds(jws: str, jwk: dict[str, Any]) -> bool:
    try:
        message, _, signature = jws.encode().rpartition(b".")
        return DeviceKey.from_jwk(jwk).verifies(message, decode(signature))
    except (ValueError, AttributeError):
        return False
