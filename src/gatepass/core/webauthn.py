"""The two ceremonies of WebAuthn as rules: what a new credential and a sign-in must show (L3 §7.1 and §7.2).

    the browser       clientDataJSON      which ceremony, which challenge, which page
    the authenticator authenticator data  which RP id, was the user present, and verified, is the key on several devices
    the key           signature           over both

Pure: a library reads CBOR and COSE and verifies signatures (`ports.passkeys`), the services know accounts and time.
Attestation is not asked for and not looked at: it says who made a device, and refuses people whose device is new.

One rule of §7.2 is left out on purpose: that a credential must not become one that may be backed up. Apple's do, when
the owner turns the iCloud keychain on, and the same key has signed.
"""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gatepass.core import base64url, strict_json
from gatepass.core.assurance import MFA
from gatepass.core.authentication import Authentication
from gatepass.errors import GatepassError

UserVerification = Literal["required", "preferred", "discouraged"]
CeremonyType = Literal["webauthn.create", "webauthn.get"]
Why = Literal[
    "malformed",
    "type",
    "challenge",
    "origin",
    "frame",
    "rp-id",
    "presence",
    "verification",
    "algorithm",
    "account",
    "signature",
    "copy",
]
ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA and RS256, the three of WebAuthn L3 §5.4: every authenticator has one of them."""
TRANSPORTS = ("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb")
"""WebAuthn L3 §5.8.4. What a browser of tomorrow says is left out, and nothing depends on it."""
_PRESENT, _VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
_HEADER = 37
"""Bytes: SHA-256 of the RP id 32 · flags 1 · signature counter 4."""


class InvalidPasskey(GatepassError, ValueError):
    """The answer of an authenticator shows less than it must. `why` is for events: callers get one answer for all."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"the answer of the authenticator is refused: {why}")
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class ClientData:
    """What the browser says of a ceremony (L3 §5.8.1)."""

    type: str
    challenge: bytes = field(repr=False)
    origin: str
    is_framed: bool


class AuthenticatorData(NamedTuple):
    """What the authenticator says, without the credential that it may have made (L3 §6.1)."""

    rp_id_hash: bytes
    flags: int
    sign_count: int

    @property
    def is_user_verified(self) -> bool:
        """Whether it has verified its user, by a PIN or a finger."""
        return bool(self.flags & _VERIFIED)

    @property
    def is_backup_eligible(self) -> bool:
        """Whether the key may be on several devices of its owner: a synced passkey."""
        return bool(self.flags & _BACKUP_ELIGIBLE)

    @property
    def is_backed_up(self) -> bool:
        """Whether it is now."""
        return bool(self.flags & _BACKED_UP)

    @property
    def is_attested(self) -> bool:
        """Whether a new credential follows."""
        return bool(self.flags & _ATTESTED)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a relying party accepts: its RP id, the exact origins of its pages, and how sure it must be of the user."""

    rp_id: str
    origins: Collection[str]
    user_verification: UserVerification = "required"

    def check(self, client: ClientData, data: AuthenticatorData, *, of_type: CeremonyType) -> None:
        """Raise InvalidPasskey unless both are of this relying party. The challenge and the key are for the caller."""
        if client.type != of_type:  # §7.1 step 7, §7.2 step 10
            raise InvalidPasskey("type")
        if client.origin not in self.origins:  # step 9, 12
            raise InvalidPasskey("origin")
        if client.is_framed:  # steps 10 and 11, 13 and 14: no page of ours stands in a frame of another site
            raise InvalidPasskey("frame")
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        if not hmac.compare_digest(rp_id_hash, data.rp_id_hash):  # step 14, 15
            raise InvalidPasskey("rp-id")
        if not data.flags & _PRESENT:  # step 15, 16
            raise InvalidPasskey("presence")
        if self.user_verification == "required" and not data.is_user_verified:  # step 16, 17
            raise InvalidPasskey("verification")
        if data.is_backed_up and not data.is_backup_eligible:  # step 17, 18
            raise InvalidPasskey("malformed")


def read_client_data(raw: bytes) -> ClientData:
    """The client data of an answer (L3 §5.8.1); unknown members are left out. Raises InvalidPasskey."""
    try:
        members = strict_json.load(raw.removeprefix(b"\xef\xbb\xbf"))  # "UTF-8 decode" of §7 takes a mark away
    except ValueError:
        raise InvalidPasskey("malformed") from None
    if not isinstance(members, dict):
        raise InvalidPasskey("malformed")
    kind, challenge, origin = (members.get(name) for name in ("type", "challenge", "origin"))
    if not (isinstance(kind, str) and isinstance(challenge, str) and isinstance(origin, str)):
        raise InvalidPasskey("malformed")
    is_framed = members.get("crossOrigin", False) is not False or "topOrigin" in members
    return ClientData(kind, read_bytes(challenge), origin, is_framed)


def read_authenticator_data(raw: bytes) -> AuthenticatorData:
    """The head of authenticator data (L3 §6.1). Raises InvalidPasskey."""
    if len(raw) < _HEADER:
        raise InvalidPasskey("malformed")
    return AuthenticatorData(raw[:32], raw[32], int.from_bytes(raw[33:_HEADER], "big"))


def signed_bytes(authenticator_data: bytes, client_data: bytes) -> bytes:
    """What the key of a credential has signed (L3 §7.2 step 21)."""
    return authenticator_data + hashlib.sha256(client_data).digest()


def read_bytes(text: str) -> bytes:
    """Bytes as base64url without padding (L3 §3, "Base64url Encoding"). Raises InvalidPasskey."""
    try:
        return base64url.decode(text.encode("ascii"))
    except ValueError:
        raise InvalidPasskey("malformed") from None


def authentication(*, is_user_verified: bool, is_backup_eligible: bool) -> Authentication:
    """How a person was authenticated by a passkey, in the words of RFC 8176.

    `swk`: the key is on several devices, so software has it; `hwk`: it stays in one. With user verification these are
    two factors: the device, and what unlocks it.
    """
    key = "swk" if is_backup_eligible else "hwk"
    return Authentication((key, "user", MFA), MFA) if is_user_verified else Authentication((key,))
