"""The ceremonies of passkeys, against the vectors of the specification and beside the server of a library."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity

from gatepass.core import base64url
from gatepass.core.webauthn import Expected, InvalidPasskey, signed_bytes
from gatepass.factors.ceremonies import judge_creation, judge_sign_in, read_creation, read_sign_in
from gatepass.testing.soft_token import PRESENT, VERIFIED, Lie, SoftToken, cose_key
from tests.factors.devices import CHALLENGE, EXPECTED, LIBRARY, ORIGIN, REQUEST, created, passkey_of, why

VECTORS = json.loads(Path(__file__).with_name("webauthn_vectors.json").read_text())["vectors"]
OF_THE_SPECIFICATION = Expected("example.org", {"https://example.org"}, "preferred")
OFFERED = {"none-es256", "packed-self-es256", "none-es256-long-credential-id", "packed-es256", "packed-rs256"}
OFFERED |= {"packed-eddsa", "tpm-es256", "android-key-es256", "apple-es256", "fido-u2f-es256"}
FRAMED = {"none-es256-crossOrigin", "none-es256-topOrigin"}


def text_of(vector: dict[str, str], name: str) -> str:
    return base64url.encode(bytes.fromhex(vector[name]))


def vector_creation(vector: dict[str, str]) -> dict[str, Any]:
    response = {name: text_of(vector, name) for name in ("clientDataJSON", "attestationObject")}
    return {"rawId": text_of(vector, "credential_id"), "type": "public-key", "response": response}


def vector_sign_in(vector: dict[str, Any]) -> dict[str, Any]:
    names = ("clientDataJSON", "authenticatorData", "signature")
    response = {name: text_of(vector["authentication"], name) for name in names}
    credential_id = text_of(vector["registration"], "credential_id")
    return {"rawId": credential_id, "type": "public-key", "response": response}


class TestTheVectorsOfTheSpecification:
    @pytest.mark.parametrize("vector", [pytest.param(each, id=each["name"]) for each in VECTORS])
    def test_every_credential_is_read_and_its_signature_holds(self, vector: dict[str, Any]) -> None:
        credential = LIBRARY.read_attestation(bytes.fromhex(vector["registration"]["attestationObject"]))
        assert credential.credential_id.hex() == vector["registration"]["credential_id"]
        assert credential.aaguid.hex() in (vector["registration"]["aaguid"], "0" * 32)
        signed = vector["authentication"]
        raw = {name: bytes.fromhex(signed[name]) for name in ("authenticatorData", "clientDataJSON", "signature")}
        message = signed_bytes(raw["authenticatorData"], raw["clientDataJSON"])
        assert LIBRARY.verifies(credential.public_key, message, raw["signature"])
        assert not LIBRARY.verifies(credential.public_key, message + b"\0", raw["signature"])

    @pytest.mark.parametrize("vector", [pytest.param(each, id=each["name"]) for each in VECTORS])
    def test_those_that_the_options_offer_pass_both_ceremonies(self, vector: dict[str, Any]) -> None:
        answer = read_creation(vector_creation(vector["registration"]))
        assert answer.client.challenge.hex() == vector["registration"]["challenge"]
        if vector["name"] not in OFFERED:
            refused = "frame" if vector["name"] in FRAMED else "algorithm"
            assert why(lambda: judge_creation(answer, OF_THE_SPECIFICATION, LIBRARY)) == refused
            return
        passkey = passkey_of(judge_creation(answer, OF_THE_SPECIFICATION, LIBRARY))
        sign_in = read_sign_in(vector_sign_in(vector))
        assert sign_in.client.challenge.hex() == vector["authentication"]["challenge"]
        data = judge_sign_in(sign_in, passkey, OF_THE_SPECIFICATION, LIBRARY)
        assert data.sign_count == 0


class TestBesideTheServerOfTheLibrary:
    """The rules are ours; those that the library has too come to the same."""

    @pytest.mark.parametrize(
        "lie",
        [Lie(), Lie(type="webauthn.create"), Lie(rp_id="evil.example"), Lie(flags=VERIFIED), Lie(flags=PRESENT)],
    )
    def test_both_judge_a_sign_in_alike(self, lie: Lie) -> None:
        token = SoftToken()
        passkey = passkey_of(created(token))
        answer = token.get(REQUEST, origin=ORIGIN, lie=lie)
        server = Fido2Server(PublicKeyCredentialRpEntity(id="example.com", name="Example"))
        state = {"challenge": CHALLENGE, "user_verification": "required"}
        key = token.credentials[0].key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        known = bytes(16) + len(passkey.credential_id).to_bytes(2, "big") + passkey.credential_id + cose_key(key)
        theirs = ours = True
        try:
            server.authenticate_complete(state, [AttestedCredentialData(known)], answer)
        except ValueError:
            theirs = False
        try:
            judge_sign_in(read_sign_in(answer), passkey, EXPECTED, LIBRARY)
        except InvalidPasskey:
            ours = False
        assert ours is theirs
