"""A code by mail: the request for one, and what the server answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatepass.client.errors import ClientError, raise_for_problem
from gatepass.client.flow import Work
from gatepass.client.session.address import check_address
from gatepass.client.session.refresh import Flow
from gatepass.client.session.sign_in import exchange_credentials
from gatepass.core.secret import Secret

if TYPE_CHECKING:
    from gatepass.client.session.session import Session


@dataclass(frozen=True, slots=True)
class MailCode:
    """A code that was asked for. `ticket` goes with it, and both count for `expires_in` seconds."""

    ticket: str = field(repr=False)
    expires_in: int


def request_mail_code(
    session: "Session", email: str, *, again: Secret | None, extra: Mapping[str, object] | None
) -> Flow[MailCode]:
    """The flow behind `Client.request_mail_code`. The key of the session to come goes along and is kept."""
    check_address(session.auth_url)
    saved = session._saved
    yield Work(saved.refresh_if_changed)
    asked = {**(extra or {}), "email": email, **({} if again is None else {"ticket": again})}
    answer, _ = yield from exchange_credentials(saved, "login/mail-code/request", asked)
    raise_for_problem(answer.response)
    match answer.body:
        case {"ticket": str(ticket), "expires_in": int(expires_in)}:
            return MailCode(ticket, expires_in)
    raise ClientError(f"{session.auth_url} did not answer as an auth endpoint. Check auth_url.")
