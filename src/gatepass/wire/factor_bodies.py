"""The JSON bodies of passkeys, codes and second steps, as strict as those of `gatepass.wire.bodies`."""

from typing import Annotated, Any

from pydantic import Field

from gatepass.wire.bodies import BindingSecret, Code, LinkToken, OptionalTicket, StrictBody, Ticket

MAX_LABEL = 64
PasskeyLabel = Annotated[str, Field(min_length=1, max_length=MAX_LABEL, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""What an owner calls a passkey: one line."""


class TotpConfirmation(StrictBody):
    """`POST /auth/totp/confirm`."""

    code: Code


class PasskeyAnswer(StrictBody):
    """What a browser answers to options, as its own JSON: judged by the rules of WebAuthn, not by a schema."""

    response: dict[str, Any]


class NewPasskey(PasskeyAnswer):
    """`POST /auth/passkeys`. Without a name it gets one."""

    name: PasskeyLabel | None = None


class PasskeyName(StrictBody):
    """`PATCH /auth/passkeys/{id}`."""

    name: PasskeyLabel


class PasskeyOptions(StrictBody):
    """`POST /auth/login/passkey/options`: nothing, or the ticket of a first step."""

    ticket: OptionalTicket = None


class PasskeySignIn(PasskeyAnswer):
    """`POST /auth/login/passkey`. A ticket says what `remember` is, and what the application has added."""

    ticket: OptionalTicket = None
    remember: bool = True
    binding_secret: BindingSecret = None


class SecondStep(StrictBody):
    """`POST /auth/login/totp`, `/auth/login/recovery` and `/auth/login/enrol/confirm`."""

    ticket: Ticket
    code: Code
    binding_secret: BindingSecret = None


class MailCodeRequest(StrictBody):
    """`POST /auth/login/mail-code/request`. The ticket is that of an earlier request, whose mail did not arrive."""

    email: str = Field(min_length=1, max_length=320, json_schema_extra={"format": "email"})
    ticket: OptionalTicket = None
    binding_secret: BindingSecret = None


class MailCodeSignIn(SecondStep):
    """`POST /auth/login/mail-code`."""

    remember: bool = True


class EnrolmentStart(StrictBody):
    """`POST /auth/login/enrol` and `/auth/login/enrol/passkey/options`."""

    ticket: Ticket


class PasskeyEnrolment(NewPasskey):
    """`POST /auth/login/enrol/passkey`."""

    ticket: Ticket
    binding_secret: BindingSecret = None


class RecoveryStart(StrictBody):
    """`POST /auth/login/factor-recovery`."""

    ticket: Ticket


class RecoveryEnd(StrictBody):
    """`POST /auth/login/factor-recovery/complete`: a ticket and the token of the mailed link."""

    ticket: Ticket
    token: LinkToken
    binding_secret: BindingSecret = None


class RecoveryCancellation(StrictBody):
    """`POST /auth/factor-recovery/cancel`: the token of the mailed link."""

    token: LinkToken


class StepUp(StrictBody):
    """`POST /auth/step-up`: nothing, or the key to which the new session is to be bound."""

    binding_secret: BindingSecret = None
