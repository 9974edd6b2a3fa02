"""Public test vectors: Wycheproof and the JOSE cookbook, where they lie beside the project.

Our verifier knows exact headers only, so a vector's own header is registered for its key first: what is judged
is the signature and the spelling. Vectors for algorithms that we do not have must be refused as they are.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gatepass.core import access_token, signature
from gatepass.core.access_token import Verifier
from gatepass.core.base64url import encode
from gatepass.core.keyring import Algorithm, SigningKey
from gatepass.core.signature import Check, Public
from gatepass.errors import InvalidToken

VECTORS = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"
pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the public test vectors are not beside the project")
KINDS: dict[str, Algorithm] = {"OKP": "EdDSA", "EC": "ES256", "oct": "HS256"}
MISLABELLED = {367, 370, 372, 373}
"""Two are called invalid and are byte for byte the valid 357; two are called valid and have a "?" within."""


def read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class PublicOnly:
    """A private key that can only say its public half, which is all that a verifier asks for."""

    def __init__(self, public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> None:
        self.public_key = lambda: public
        self.private_bytes_raw = lambda: bytes(32)
        self.sign = NotImplemented


def signature_holds(jwk: dict[str, str], header: bytes, token: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the real verifier authenticates a token whose header it has been told to expect."""
    algorithm = KINDS[jwk["kty"]]
    if algorithm == "HS256":
        private: Any = decode(jwk["k"])
    elif algorithm == "EdDSA":
        private = PublicOnly(ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"])))
        monkeypatch.setattr(ed25519, "Ed25519PrivateKey", PublicOnly)
    else:
        x, y = (int.from_bytes(decode(jwk[name]), "big") for name in ("x", "y"))
        private = PublicOnly(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key())
        monkeypatch.setattr(ec, "EllipticCurvePrivateKey", PublicOnly)
    key = SigningKey("kid", algorithm, header, private, None)
    verifier = Verifier([key], issuer="", audience="", skew=0)
    try:
        verifier.authenticate(token)
    except InvalidToken:
        return False
    return True


def of_ours(jwk: dict[str, str]) -> bool:
    """Whether a key is for an algorithm that we have."""
    return jwk.get("alg") in ("ES256", "HS256", "EdDSA") and jwk.get("crv") in (None, "P-256", "Ed25519")


def test_wycheproof_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every JWS vector of our algorithms under its own key; `header` is the one that the group's key would make."""
    judged = 0
    for group in read("wycheproof/json_web_signature_test.json")["testGroups"]:
        jwk = group.get("public") or group["private"]
        for test in group["tests"]:
            token = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
            header = token.split(".")[0]
            if not of_ours(jwk):
                continue
            held = names(header, jwk["alg"]) and signature_holds(jwk, header.encode(), token, monkeypatch)
            assert held == (test["result"] == "valid") ^ (test["tcId"] in MISLABELLED), (test["tcId"], test["comment"])
            judged += 1
    assert judged > 50


def names(header: str, algorithm: str) -> bool:
    """Whether an encoded header is one that a key of this algorithm could have: all others are never found."""
    try:
        members = json.loads(decode(header))
    except ValueError:
        return False
    is_canonical = encode(decode(header)) == header
    extends = isinstance(members, dict) and {"crit", "b64"} & set(members)
    return is_canonical and not extends and members.get("alg") == algorithm


@pytest.mark.parametrize("name", ["ed25519_test", "ecdsa_secp256r1_sha256_p1363_test"])
def test_wycheproof_raw_signatures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The raw vectors' messages cannot be put into a token, so the check itself is asked."""
    judged = 0
    for group in read(f"wycheproof/{name}.json")["testGroups"]:
        jwk = group.get("publicKeyJwk")
        if jwk is None:
            continue
        check = check_of(jwk, monkeypatch)
        for test in group["tests"]:
            held = check(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert held == (test["result"] == "valid"), (test["tcId"], test["comment"])
            judged += 1
    assert judged > 100


def check_of(jwk: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """The check that the verifier binds to a key, taken out of it."""
    bound: list[Check] = []

    def remember(key: Public) -> Check:
        bound.append(signature.check_of(key))
        return bound[-1]

    with monkeypatch.context() as patched:
        patched.setattr(access_token, "check_of", remember)
        signature_holds(jwk, b"header", "", monkeypatch)
    return bound[-1]


def test_the_cookbook_signatures_of_our_algorithms_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("curve25519-jws.json", "jws/4_4.hmac-sha2_integrity_protection.json"):
        vector = read(f"jose-cookbook/{name}")
        token = vector["output"]["compact"]
        header = token.split(".")[0].encode()
        assert signature_holds(vector["input"]["key"], header, token, monkeypatch), name
        assert not signature_holds(vector["input"]["key"], header, token[:-2] + "AA", monkeypatch), name


def test_no_vector_holds_for_an_issuer_that_did_not_make_it() -> None:
    """As they come, in every serialisation: refused, and never an error."""
    keys = [SigningKey.from_secret(b"\x01" * 32, algorithm) for algorithm in KINDS.values()]
    verifier = Verifier(keys, issuer="", audience="", skew=0)
    for token in all_tokens():
        with pytest.raises(InvalidToken):
            verifier.verify(token, 0)


def all_tokens() -> list[str]:
    found = [
        test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
        for group in read("wycheproof/json_web_signature_test.json")["testGroups"]
        for test in group["tests"]
    ]
    for path in sorted((VECTORS / "jose-cookbook" / "jws").glob("*.json")):
        output = json.loads(path.read_text("utf-8"))["output"]
        found += [form if isinstance(form, str) else json.dumps(form) for form in output.values()]
    assert len(found) > 400
    return found
