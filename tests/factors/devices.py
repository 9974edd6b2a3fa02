"""A passkey on a device in memory, and what a page hands over of it."""

from collections.abc import Callable
from typing import Any

import pytest

from gatepass.core import base64url
from gatepass.core.factor import Passkey
from gatepass.core.webauthn import Expected, InvalidPasskey
from gatepass.factors.ceremonies import Created, judge_creation, read_creation
from gatepass.factors.fido import Fido2
from gatepass.testing.soft_token import EDDSA, ES256, RS256, Lie, SoftToken

LIBRARY = Fido2()
ORIGIN = "https://example.com"
CHALLENGE = base64url.encode(b"c" * 42)
HANDLE = b"h" * 32
EXPECTED = Expected("example.com", {ORIGIN})
CREATION: dict[str, Any] = {
    "rp": {"id": "example.com", "name": "Example"},
    "user": {"id": base64url.encode(HANDLE), "name": "ann", "displayName": "ann"},
    "challenge": CHALLENGE,
    "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in (ES256, EDDSA, RS256)],
    "excludeCredentials": [],
    "authenticatorSelection": {"userVerification": "discouraged"},
}
REQUEST: dict[str, Any] = {"rpId": "example.com", "challenge": CHALLENGE, "userVerification": "discouraged"}


def passkey_of(created: Created, *, handle: bytes = HANDLE) -> Passkey:
    found, data = created.credential, created.data
    return Passkey(
        id="0" * 32,
        account_id="ann",
        user_handle=handle,
        credential_id=found.credential_id,
        public_key=found.public_key,
        sign_count=data.sign_count,
        name="",
        aaguid=found.aaguid,
        transports=created.transports,
        is_backup_eligible=data.is_backup_eligible,
        is_backed_up=data.is_backed_up,
        created_at=0,
    )


def created(token: SoftToken, *, lie: Lie | None = None, expected: Expected = EXPECTED) -> Created:
    answer = read_creation(token.create(CREATION, origin=ORIGIN, lie=lie))
    return judge_creation(answer, expected, LIBRARY)


def why(judged: Callable[[], object]) -> str:
    with pytest.raises(InvalidPasskey) as refused:
        judged()
    return refused.value.why
