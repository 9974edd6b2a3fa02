"""What a library of WebAuthn must supply: CBOR, COSE keys and their signatures. The rules are `core.webauthn`."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What an attestation object holds. `public_key` is a COSE key in its canonical encoding."""

    authenticator_data: bytes = field(repr=False)
    aaguid: bytes
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    algorithm: int


class WebAuthn(Protocol):
    """Reads what authenticators write. Must bear any bytes: they come from callers."""

    def read_attestation(self, attestation_object: bytes) -> NewCredential:
        """The new credential of an attestation object, whatever its attestation. Raises InvalidPasskey."""

    def verifies(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether a signature is this key's over `message`."""

    def is_public_suffix(self, domain: str) -> bool:
        """Whether anyone may register a name below this one, as co.uk: no RP id, for browsers."""
