"""What browsers are given for the two ceremonies, as the JSON of WebAuthn L3 §5.1.8 and §5.1.9.

PublicKeyCredential.parseCreationOptionsFromJSON(options)     PublicKeyCredential.parseRequestOptionsFromJSON(options)
"""

from collections.abc import Sequence
from typing import Any

from gatepass.core import base64url
from gatepass.core.account import Account
from gatepass.core.factor import Passkey
from gatepass.core.passkey_challenge import CHALLENGE_TTL
from gatepass.core.webauthn import ALGORITHMS
from gatepass.factors.options import Passkeys

TIMEOUT = CHALLENGE_TTL * 1000
"""Milliseconds that the browser waits for the person: as long as the challenge counts."""


def for_creation(
    options: Passkeys, account: Account, *, handle: bytes, challenge: bytes, existing: Sequence[Passkey]
) -> dict[str, Any]:
    """The options of a new passkey. A device that has one of the `existing` makes no second one.

    Discoverable (`residentKey`), or it could not sign in without a name; no attestation, for which browsers would ask
    the person.
    """
    name = account.email or account.id
    return {
        "rp": {"id": options.rp_id, "name": options.name},
        "user": {"id": base64url.encode(handle), "name": name, "displayName": name},
        "challenge": base64url.encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
        "timeout": TIMEOUT,
        "excludeCredentials": [_descriptor(each) for each in existing],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": options.user_verification,
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def for_sign_in(options: Passkeys, *, challenge: bytes, allowed: Sequence[Passkey]) -> dict[str, Any]:
    """The options of a sign-in. Without `allowed` passkeys the browser offers all that it has for this service."""
    return {
        "challenge": base64url.encode(challenge),
        "timeout": TIMEOUT,
        "rpId": options.rp_id,
        "allowCredentials": [_descriptor(each) for each in allowed],
        "userVerification": options.user_verification,
    }


def _descriptor(passkey: Passkey) -> dict[str, Any]:
    """Without transports where the browser told none: an empty list would mean that there is none (L3 §5.8.3)."""
    plain = {"type": "public-key", "id": base64url.encode(passkey.credential_id)}
    return {**plain, "transports": list(passkey.transports)} if passkey.transports else plain
