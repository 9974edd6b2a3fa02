"""What must follow before a session has several factors: the answer to a step-up (RFC 9470)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gatepass.client.errors import ClientError
from gatepass.client.session.endpoints import Answer


@dataclass(frozen=True, slots=True)
class SecondStep:
    """One of `methods` (`totp`, `recovery`, `passkey`) ends it, within `expires_in` seconds.

    `ticket` is for `Client.sign_in_by_code`. Keep it in memory.
    """

    methods: Sequence[str]
    ticket: str = field(repr=False)
    expires_in: int


def read_second_step(answer: Answer) -> SecondStep:
    """Return the second step that an answer names. Raises ClientError for any other answer."""
    match answer.body:
        case {"methods": [*methods], "ticket": str(ticket), "expires_in": int(seconds)}:
            return SecondStep(tuple(str(method) for method in methods), ticket, seconds)
    raise ClientError("The server answered a step-up without a ticket. Check auth_url.")
