"""The answer of a browser to a ceremony, read and judged: JSON in, facts out (WebAuthn L3 §5.1.3, §7.1, §7.2).

Members that are not used are left out, whatever they are: browsers add new ones, and some say null for what they do not
know. What is used must be there, of its type, and canonical base64url.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.core.factor import MAX_CREDENTIAL_ID, Passkey
from gatepass.core.webauthn import (
    ALGORITHMS,
    TRANSPORTS,
    AuthenticatorData,
    ClientData,
    Expected,
    InvalidPasskey,
    read_authenticator_data,
    read_bytes,
    read_client_data,
    signed_bytes,
)
from gatepass.ports.passkeys import NewCredential, WebAuthn

Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class CreationAnswer:
    """A RegistrationResponseJSON, not judged yet."""

    credential_id: bytes
    client: ClientData
    attestation_object: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class SignInAnswer:
    """An AuthenticationResponseJSON, not judged yet. `user_handle` is b"" where the device tells none."""

    credential_id: bytes
    client: ClientData
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """A new credential that holds, and what its authenticator says of it."""

    credential: NewCredential
    data: AuthenticatorData
    transports: tuple[str, ...] = field(default=())


def read_creation(answer: Members) -> CreationAnswer:
    """The answer of `navigator.credentials.create()`. Raises InvalidPasskey."""
    response = _response(answer)
    listed = response.get("transports")
    known = [each for each in listed if each in TRANSPORTS] if isinstance(listed, list) else []
    return CreationAnswer(
        credential_id=_credential_id(answer),
        client=read_client_data(_bytes(response, "clientDataJSON")),
        attestation_object=_bytes(response, "attestationObject"),
        transports=tuple(dict.fromkeys(known)),
    )


def read_sign_in(answer: Members) -> SignInAnswer:
    """The answer of `navigator.credentials.get()`. Raises InvalidPasskey."""
    response = _response(answer)
    client_data = _bytes(response, "clientDataJSON")
    return SignInAnswer(
        credential_id=_credential_id(answer),
        client=read_client_data(client_data),
        client_data=client_data,
        authenticator_data=_bytes(response, "authenticatorData"),
        signature=_bytes(response, "signature"),
        user_handle=_bytes(response, "userHandle") if response.get("userHandle") is not None else b"",
    )


def judge_creation(answer: CreationAnswer, expected: Expected, library: WebAuthn) -> Created:
    """What was made, if the rules of §7.1 hold; the challenge is for the caller. Raises InvalidPasskey."""
    credential = library.read_attestation(answer.attestation_object)
    data = read_authenticator_data(credential.authenticator_data)
    expected.check(answer.client, data, of_type="webauthn.create")
    if credential.algorithm not in ALGORITHMS:  # step 20
        raise InvalidPasskey("algorithm")
    is_named = hmac.compare_digest(credential.credential_id, answer.credential_id)
    if not (is_named and 0 < len(credential.credential_id) <= MAX_CREDENTIAL_ID):  # step 25
        raise InvalidPasskey("malformed")
    return Created(credential, data, answer.transports)


def judge_sign_in(answer: SignInAnswer, passkey: Passkey, expected: Expected, library: WebAuthn) -> AuthenticatorData:
    """What the authenticator says, if the rules of §7.2 hold; challenge and counter are for the caller.

    Raises InvalidPasskey.
    """
    if answer.user_handle and not hmac.compare_digest(answer.user_handle, passkey.user_handle):  # step 6
        raise InvalidPasskey("account")
    data = read_authenticator_data(answer.authenticator_data)
    expected.check(answer.client, data, of_type="webauthn.get")
    message = signed_bytes(answer.authenticator_data, answer.client_data)
    if not library.verifies(passkey.public_key, message, answer.signature):  # step 22
        raise InvalidPasskey("signature")
    return data


def _response(answer: Members) -> Members:
    response = answer.get("response")
    if answer.get("type") != "public-key" or not isinstance(response, dict):
        raise InvalidPasskey("malformed")
    return response


def _credential_id(answer: Members) -> bytes:
    """Of `rawId`; `id` is the same text, where it came."""
    if answer.get("id", answer.get("rawId")) != answer.get("rawId"):
        raise InvalidPasskey("malformed")
    return _bytes(answer, "rawId")


def _bytes(members: Members, name: str) -> bytes:
    text = members.get(name)
    if not isinstance(text, str):
        raise InvalidPasskey("malformed")
    return read_bytes(text)
