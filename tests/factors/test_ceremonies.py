"""What a new passkey and a sign-in must show, from a device in memory."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gatepass.core import base64url
from gatepass.core.factor import Passkey
from gatepass.core.webauthn import Expected, authentication, read_client_data
from gatepass.factors.ceremonies import judge_creation, judge_sign_in, read_creation, read_sign_in
from gatepass.testing.soft_token import ATTESTED, EDDSA, ES256, PRESENT, RS256, VERIFIED, Lie, SoftToken, cbor, cose_key
from tests.factors.devices import CREATION, EXPECTED, LIBRARY, ORIGIN, REQUEST, created, passkey_of, why


class TestANewPasskey:
    @pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
    def test_it_signs_in_with_each_offered_algorithm(self, algorithm: int) -> None:
        token = SoftToken(algorithm=algorithm)
        passkey = passkey_of(created(token))
        answer = read_sign_in(token.get(REQUEST, origin=ORIGIN))
        data = judge_sign_in(answer, passkey, EXPECTED, LIBRARY)
        assert (data.sign_count, data.is_user_verified, data.is_backup_eligible) == (2, True, False)

    def test_whatever_its_attestation_says_is_accepted(self) -> None:
        for statement in ("packed", "compound", "tpm", "of-tomorrow"):
            assert created(SoftToken(), lie=Lie(format=statement)).credential.algorithm == ES256

    def test_a_synced_one_says_so(self) -> None:
        data = created(SoftToken(is_synced=True)).data
        assert (data.is_backup_eligible, data.is_backed_up, data.sign_count) == (True, True, 0)

    @pytest.mark.parametrize(
        ("lie", "refused"),
        [
            (Lie(type="webauthn.get"), "type"),
            (Lie(cross_origin=True), "frame"),
            (Lie(top_origin="https://evil.example"), "frame"),
            (Lie(rp_id="evil.example"), "rp-id"),
            (Lie(flags=ATTESTED | VERIFIED), "presence"),
            (Lie(flags=ATTESTED | PRESENT), "verification"),
            (Lie(flags=ATTESTED | PRESENT | VERIFIED | 0x10), "malformed"),
            (Lie(flags=PRESENT | VERIFIED), "malformed"),
        ],
    )
    def test_what_is_not_of_this_page_and_this_person_is_refused(self, lie: Lie, refused: str) -> None:
        assert why(lambda: created(SoftToken(), lie=lie)) == refused

    def test_of_another_origin_it_is_refused(self) -> None:
        for origins in ({"https://www.example.com"}, {"http://example.com"}, {"https://example.com:8443"}):
            assert why(lambda: created(SoftToken(), expected=Expected("example.com", origins))) == "origin"  # noqa: B023

    def test_the_id_beside_it_must_be_its_own(self) -> None:
        answer = SoftToken().create(CREATION, origin=ORIGIN)
        answer["id"] = answer["rawId"] = base64url.encode(b"another one")
        assert why(lambda: judge_creation(read_creation(answer), EXPECTED, LIBRARY)) == "malformed"
        answer["id"] = "other"
        assert why(lambda: read_creation(answer)) == "malformed"

    def test_members_that_browsers_add_or_leave_out_do_not_matter(self) -> None:
        answer = SoftToken().create(CREATION, origin=ORIGIN)
        answer["response"] |= {"publicKey": None, "publicKeyAlgorithm": -7, "of tomorrow": [{}]}
        answer |= {"authenticatorAttachment": None, "clientExtensionResults": {"credProps": {"rk": True}}}
        for transports in (None, [], ["internal", "telepathy", 7, "internal"], "usb"):
            answer["response"]["transports"] = transports
            kept = judge_creation(read_creation(answer), EXPECTED, LIBRARY).transports
            assert kept == (("internal",) if isinstance(transports, list) and transports else ())
        del answer["response"]["transports"], answer["id"]
        assert judge_creation(read_creation(answer), EXPECTED, LIBRARY).transports == ()


class TestKeys:
    def attestation(self, key: bytes) -> bytes:
        data = bytes(32) + bytes([PRESENT | ATTESTED]) + bytes(4) + bytes(16) + b"\0\x10" + bytes(16) + key
        return cbor({"fmt": "none", "attStmt": {}, "authData": data})

    def test_one_that_could_verify_nothing_is_refused_at_once(self) -> None:
        curve = {1: 2, 3: ES256, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32}
        wrong: list[dict[int, Any]] = [
            curve,  # no point of the curve
            {**curve, 1: 3},
            {**curve, -1: 2},
            {name: curve[name] for name in (1, 3, -1, -2)},
            {1: 1, 3: EDDSA, -1: 6, -2: b"short"},
            {1: 1, 3: EDDSA, -1: 7, -2: bytes(32)},
            {3: 0},
            {},
        ]
        for key in wrong:
            assert why(lambda: LIBRARY.read_attestation(self.attestation(cbor(key)))) == "malformed"  # noqa: B023

    def test_rsa_has_two_to_four_thousand_bits_and_the_usual_exponent(self) -> None:
        small = cose_key(rsa.generate_private_key(65537, 1024))
        slow = cbor({1: 3, 3: RS256, -1: b"\xff" * 384, -2: b"\xff" * 380})
        for key in (small, slow, cbor({1: 3, 3: RS256, -1: b"\xff" * 2048, -2: b"\1\0\1"})):
            assert why(lambda: LIBRARY.read_attestation(self.attestation(key))) == "malformed"  # noqa: B023

    def test_bytes_that_are_no_cbor_are_refused_and_nothing_else_is_raised(self) -> None:
        whole = base64url.decode(SoftToken().create(CREATION, origin=ORIGIN)["response"]["attestationObject"].encode())
        for length in range(len(whole)):
            assert why(lambda: LIBRARY.read_attestation(whole[:length])) == "malformed"  # noqa: B023
        for raw in (b"\x81" * 100_000, b"\xa1" * 5000, b"\x9b" + b"\xff" * 8, b"\xfb" + bytes(8), bytes(5), b"\x01"):
            assert why(lambda: LIBRARY.read_attestation(raw)) == "malformed"  # noqa: B023
            assert not LIBRARY.verifies(raw, b"", b"")


class TestASignIn:
    def passkey(self, token: SoftToken) -> Passkey:
        return passkey_of(created(token))

    @pytest.mark.parametrize(
        ("lie", "refused"),
        [
            (Lie(type="webauthn.create"), "type"),
            (Lie(cross_origin=True), "frame"),
            (Lie(rp_id="evil.example"), "rp-id"),
            (Lie(flags=VERIFIED), "presence"),
            (Lie(flags=PRESENT), "verification"),
            (Lie(user_handle=b"i" * 32), "account"),
        ],
    )
    def test_what_is_not_of_this_page_and_this_person_is_refused(self, lie: Lie, refused: str) -> None:
        token = SoftToken()
        passkey = self.passkey(token)
        answer = read_sign_in(token.get(REQUEST, origin=ORIGIN, lie=lie))
        assert why(lambda: judge_sign_in(answer, passkey, EXPECTED, LIBRARY)) == refused

    def test_another_key_signs_nothing(self) -> None:
        token, other = SoftToken(), SoftToken()
        passkey = self.passkey(token)
        created(other)
        answer = read_sign_in(other.get(REQUEST, origin=ORIGIN))
        assert why(lambda: judge_sign_in(answer, passkey, EXPECTED, LIBRARY)) == "signature"

    def test_every_changed_bit_of_what_was_signed_is_noticed(self) -> None:
        token = SoftToken()
        passkey = self.passkey(token)
        answer = read_sign_in(token.get(REQUEST, origin=ORIGIN))
        for place in (33, 36):  # the counter, which no other rule looks at
            data = bytearray(answer.authenticator_data)
            data[place] ^= 1
            forged = replace(answer, authenticator_data=bytes(data))
            assert why(lambda: judge_sign_in(forged, passkey, EXPECTED, LIBRARY)) == "signature"  # noqa: B023
        longer = replace(answer, authenticator_data=answer.authenticator_data + b"\0")
        assert why(lambda: judge_sign_in(longer, passkey, EXPECTED, LIBRARY)) == "signature"

    def test_a_device_may_leave_the_handle_out(self) -> None:
        token = SoftToken()
        passkey = self.passkey(token)
        for handle in (None, ""):
            answer = token.get(REQUEST, origin=ORIGIN)
            answer["response"]["userHandle"] = handle
            assert judge_sign_in(read_sign_in(answer), passkey, EXPECTED, LIBRARY).is_user_verified

    def test_a_key_that_comes_to_be_backed_up_stays_the_key(self) -> None:
        token = SoftToken()
        passkey = self.passkey(token)
        token.is_synced = True
        data = judge_sign_in(read_sign_in(token.get(REQUEST, origin=ORIGIN)), passkey, EXPECTED, LIBRARY)
        assert (passkey.is_backup_eligible, data.is_backed_up) == (False, True)

    def test_answers_of_another_shape_are_refused(self) -> None:
        token = SoftToken()
        self.passkey(token)
        whole = token.get(REQUEST, origin=ORIGIN)
        for name in ("rawId", "type", "response"):
            assert why(lambda: read_sign_in({**whole, name: None})) == "malformed"  # noqa: B023
        for name in ("clientDataJSON", "authenticatorData", "signature"):
            for value in (None, 7, "=", "a b", "é"):
                response = {**whole["response"], name: value}
                assert why(lambda: read_sign_in({**whole, "response": response})) == "malformed"  # noqa: B023


class TestClientData:
    def test_text_that_two_readers_could_understand_differently_is_refused(self) -> None:
        good = b'{"type":"webauthn.get","challenge":"YQ","origin":"https://a"}'
        assert read_client_data(b"\xef\xbb\xbf" + good).origin == "https://a"
        for raw in (good[:-1], b"[]", b"\xff", good[:-1] + b',"origin":"https://b"}', b'{"type":1}', b""):
            assert why(lambda: read_client_data(raw)) == "malformed"  # noqa: B023


def test_with_user_verification_a_passkey_is_two_factors() -> None:
    synced = authentication(is_user_verified=True, is_backup_eligible=True)
    assert (synced.methods, synced.acr) == (("swk", "user", "mfa"), "mfa")
    device = authentication(is_user_verified=False, is_backup_eligible=False)
    assert (device.methods, device.acr) == (("hwk",), None)
