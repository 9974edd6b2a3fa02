"""What the endpoints know of a provider, whatever it speaks: it names an address, and judges an answer.

What a sign-in there proves is an `Assertion`. It knows no account: who that is here, `accounts` decides.
"""

from dataclasses import dataclass, field
from typing import Protocol

from gatepass.core.identity import Identity
from gatepass.core.secret import Secret
from gatepass.errors import BadRequest, ProviderFailed
from gatepass.oidc.errand import Errand
from gatepass.oidc.fetch import Members
from gatepass.oidc.options import Provider
from gatepass.problem_codes import ProblemCode

FEDERATED = "fed"
"""The method of every session that begins at a provider; what the provider says of its own sign-in follows it."""


class UnpublishedKey(ProviderFailed):
    """A token is under no known key of its provider, which may have published another one since."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature holds. `kind` is the `typ` of its header, if that says one."""

    claims: Members
    algorithm: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser brings back from the provider."""

    code: Secret | None = field(repr=False)
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a provider asserts: who it is, and how and when they signed in there.

    `sid` is the provider's session, and `issued_at` when it said so, both for its logout; `auth_time` is None where the
    provider does not tell. Times are Unix seconds by the provider's clock.
    """

    identity: Identity
    methods: tuple[str, ...]
    acr: str | None
    auth_time: int | None
    sid: str | None
    issued_at: int


class Partner(Protocol):
    """A provider. All methods raise Problem, within seconds."""

    @property
    def provider(self) -> Provider:
        """What the application says of it."""

    async def check(self) -> None:
        """Return if people can sign in there, as far as can be known before. Raises ProviderFailed."""

    async def authorization_url(self, errand: Errand) -> str:
        """Where the browser is sent for an errand."""

    async def assertion(self, errand: Errand, answer: Answer) -> Assertion:
        """What the provider asserts about the person who was sent there."""


def expired() -> BadRequest:
    """The errand is too old, was finished before, or was begun in another browser."""
    return BadRequest(
        ProblemCode.SIGN_IN_EXPIRED, "This sign-in took too long, was finished before, or began elsewhere."
    )
