"""The JSON bodies of the endpoints, strict in both directions.

An unknown member, a wrong type or a missing one is a 422 that names the member and never repeats its value.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

from gatepass.core import strict_json
from gatepass.core.binding import BindingKey
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import MAX_TICKET
from gatepass.core.strict_json import dump as dump
from gatepass.errors import BadRequest, Unprocessable
from gatepass.problem_codes import ProblemCode
from gatepass.wire.email_address import EmailAddress, key_of_no_email, read_email

MAX_BYTES = 16 * 1024
"""Against what: the longest allowed password (1,024 code points of 4 bytes, JSON-escaped) and an address."""
MAX_LINKS = 200
"""Paths of one request: a gallery."""
MAX_LINKS_BYTES = 64 * 1024
MAX_PASSKEY_BYTES = 64 * 1024
"""Against what: the certificates that a device sends without being asked, and members of browsers to come."""
MAX_TICKET_BYTES = 32 * 1024
"""The longest ticket, and what may go with it."""

Body = TypeVar("Body", bound=BaseModel)


def _secret(*, max_length: int | None = None) -> GetPydanticSchema:
    """A member that is a text in JSON, and opaque from here on."""
    text = core_schema.str_schema(min_length=1, max_length=max_length)
    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_after_validator_function(Secret, text))


Password = Annotated[Secret, _secret()]
OptionalPassword = Annotated[Secret | None, _secret()]
"""None is for an absent member, of an account that has no password; null is refused."""
LinkToken = Annotated[Secret, _secret(max_length=2048)]
Ticket = Annotated[Secret, _secret(max_length=MAX_TICKET)]
OptionalTicket = Annotated[Secret | None, _secret(max_length=MAX_TICKET)]
"""What the first step of a sign-in gave. None is for an absent member; null is refused."""
Code = Annotated[Secret, _secret(max_length=64)]
BINDING_SECRET = "binding_secret"
BindingSecret = Annotated[
    BindingKey | None,  # None is for an absent member; null is refused
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_after_validator_function(
            BindingKey.parse, core_schema.str_schema(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", max_length=43)
        )
    ),
]
"""The key to which a session is bound: 32 bytes as base64url, opaque from here on (PROTOCOL §5)."""


class StrictBody(BaseModel):
    """A body whose members have the types that they are declared with, and no others beside them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Credentials(StrictBody):
    """`POST /auth/login`."""

    email: str = Field(min_length=1, max_length=320, json_schema_extra={"format": "email"})
    password: Password
    remember: bool = True
    binding_secret: BindingSecret = None


class Registration(Credentials):
    """`POST /auth/register`."""


class PasswordChange(StrictBody):
    """`POST /auth/password`."""

    current: Password
    new: Password
    binding_secret: BindingSecret = None


class EmailRequest(StrictBody):
    """`POST /auth/verify/resend` and `/auth/password/forgot`."""

    email: str = Field(min_length=1, max_length=320, json_schema_extra={"format": "email"})


class VerifyRequest(StrictBody):
    """`POST /auth/verify`."""

    token: LinkToken
    password: Password
    remember: bool = True
    binding_secret: BindingSecret = None


class LogoutRequest(StrictBody):
    """`POST /auth/logout`: nothing, or also at the provider where the session began, and where to go then."""

    at_provider: bool = False
    return_to: str | None = Field(default=None, max_length=1024)


class ProviderStart(StrictBody):
    """`POST /auth/oidc/{name}/start`."""

    return_to: str = Field(default="/", max_length=1024)
    remember: bool = True
    link: bool = False
    binding_secret: BindingSecret = None
    prompt: Literal["login", "select_account", "consent"] | None = None
    max_age: int | None = Field(default=None, ge=0, le=10**9)
    login_hint: str | None = Field(default=None, min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$")


class RefreshRequest(StrictBody):
    """`POST /auth/refresh`: nothing, or the key to bind a session to that began without one.

    With `account` the answer has the account too: for a page that was just loaded, and shows who is signed in.
    """

    binding_secret: BindingSecret = None
    account: bool = False


class SessionForTests(StrictBody):
    """`POST /auth/testing/sessions`: whose session, by one of the two names, and by which `methods` it began.

    `auth_url` is the address of the endpoints as the page knows it: the browser keeps the key under it.
    """

    email: str | None = Field(default=None, max_length=320)
    account_id: str | None = Field(default=None, min_length=1, max_length=128)
    methods: list[str] = ["pwd"]
    remember: bool = True
    auth_url: str = Field(default="", max_length=1024)
    binding_secret: BindingSecret = None


class PasswordReset(StrictBody):
    """`POST /auth/password/reset`."""

    token: LinkToken
    new: Password


class EmailChange(StrictBody):
    """`POST /auth/email`."""

    email: str = Field(min_length=1, max_length=320, json_schema_extra={"format": "email"})
    password: OptionalPassword = None


class EmailConfirmation(StrictBody):
    """`POST /auth/email/confirm`."""

    token: LinkToken
    binding_secret: BindingSecret = None


class DeleteAccountRequest(StrictBody):
    """`POST /auth/account/delete` and `DELETE /auth/account`."""

    password: OptionalPassword = None


class LinksRequest(StrictBody):
    """`POST /auth/links`."""

    paths: tuple[Annotated[str, Field(min_length=1, max_length=2048)], ...] = Field(
        strict=False, min_length=1, max_length=MAX_LINKS
    )


def read(model: type[Body], raw: bytes) -> Body:
    """The body as a model.

    Raises BadRequest (`malformed-json`, `invalid-binding-secret`) or Unprocessable (`invalid-body`).
    """
    if not raw:
        raise no_body(*(name for name, field in model.model_fields.items() if field.is_required()))
    try:
        body = model.model_validate_json(raw)
        strict_json.load(raw)  # pydantic takes the last of two members of one name
        return body
    except ValidationError as invalid:
        faults = invalid.errors(include_url=False, include_context=False, include_input=False)
    except ValueError as fault:
        raise BadRequest(ProblemCode.MALFORMED_JSON, f"The body cannot be read: {fault}.") from None
    if any(fault["type"] == "json_invalid" for fault in faults):
        raise BadRequest(ProblemCode.MALFORMED_JSON, "The body is not valid JSON in UTF-8.")
    if any(fault["loc"] == (BINDING_SECRET,) and BINDING_SECRET in model.model_fields for fault in faults):
        raise _invalid_binding_secret()
    raise invalid_body({_field(model, fault["loc"]): fault["msg"] for fault in faults})


def no_body(*needed: str) -> BadRequest:
    """The 400 for a request that came without a body, as a DELETE may through a proxy."""
    return BadRequest(
        ProblemCode.MALFORMED_JSON, f"The request has no body; send a JSON object with: {', '.join(needed)}."
    )


def invalid_body(errors: Mapping[str, str]) -> Unprocessable:
    """The 422 that names each invalid member."""
    listed = [{"field": field, "message": message} for field, message in errors.items()]
    names = ", ".join(errors)
    return Unprocessable(ProblemCode.INVALID_BODY, f"Invalid members: {names}.", facts={"errors": listed})


def binding_key(text: str) -> BindingKey:
    """The key that a page offers, of a body that the application has read. Raises BadRequest, as `read`."""
    try:
        return BindingKey.parse(text)
    except ValueError:
        raise _invalid_binding_secret() from None


def parse_email(text: str) -> EmailAddress:
    """An address as (display form, key). Raises Unprocessable (`invalid-body`) for any other text."""
    address = read_email(text)
    if address is None:
        raise invalid_body({"email": "This is not an e-mail address."})
    return address


def email_key(text: str) -> str:
    """The key to find an account by. A text that is no address finds none, after the same work."""
    address = read_email(text)
    return key_of_no_email(text) if address is None else address.key


def _invalid_binding_secret() -> BadRequest:
    return BadRequest(
        ProblemCode.INVALID_BINDING_SECRET, "binding_secret must be 32 bytes as 43 characters of base64url."
    )


def _field(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """The name of the invalid member. An unknown name is text of the caller, so it is not repeated either."""
    if not location:
        return "(body)"
    return str(location[0]) if location[0] in model.model_fields else "(unknown member)"
