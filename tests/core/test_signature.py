"""Signatures by libsodium and by `cryptography`: each takes the other's, and they cannot be told apart."""

import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gatepass.core import signature
from gatepass.core.signature import check_of, signer_of

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(params=["libsodium", "cryptography"])
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "libsodium":
        pytest.importorskip("nacl")
    monkeypatch.setattr(signature, "has_libsodium", request.param == "libsodium")


@pytest.mark.usefixtures("_library")
class TestEd25519:
    @pytest.mark.parametrize("message", [b"", b"a", bytes(range(256)) * 20])
    def test_a_signature_is_that_of_rfc_8032(self, message: bytes) -> None:
        assert signer_of(KEY)(message) == KEY.sign(message)
        assert check_of(KEY.public_key())(message, KEY.sign(message))

    def test_a_changed_message_or_signature_is_refused(self) -> None:
        right, check = KEY.sign(b"message"), check_of(KEY.public_key())
        for place in range(64):
            assert not check(b"message", right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :])
        assert not check(b"messagf", right)

    @pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
    def test_a_signature_of_another_length_is_refused(self, length: int) -> None:
        """libsodium takes signature and message as one text, in which the border must not move."""
        whole = KEY.sign(b"message") + b"message"
        assert not check_of(KEY.public_key())((whole * 2)[length : length + 7], (whole * 2)[:length])

    def test_the_other_spelling_of_a_signature_is_refused(self) -> None:
        """RFC 8032 §5.1.7: s is below the order of the group, or one token would have two signatures."""
        right = KEY.sign(b"message")
        other = right[:32] + (int.from_bytes(right[32:], "little") + ORDER).to_bytes(32, "little")
        assert not check_of(KEY.public_key())(b"message", other)

    def test_a_crash_report_does_not_show_the_key(self) -> None:
        with pytest.raises(TypeError) as caught:
            signer_of(KEY)("no bytes")  # type: ignore[arg-type]
        report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert repr(KEY.private_bytes_raw())[2:-1] not in report
        assert KEY.private_bytes_raw().hex() not in report


def test_of_the_other_algorithms_each_key_takes_its_own_alone() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    for signs, checks in ((curve, curve.public_key()), (b"k" * 32, b"k" * 32)):
        made = signer_of(signs)(b"message")
        assert check_of(checks)(b"message", made)
        assert not check_of(checks)(b"message", made[:-1])
        assert not check_of(checks)(b"another", made)
