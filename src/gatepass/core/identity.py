"""Who a person is at another provider of identities, and which sessions began there (OpenID Connect).

An identity is a pair of issuer and subject: the one name that a provider never gives to another person (OpenID Connect
Core §5.7). Addresses and names are what the provider says today; no identity is looked up by them.
"""

from dataclasses import dataclass, field

MAX_SUBJECT = 255
"""OpenID Connect Core §2."""
MAX_ISSUER = 2048
MAX_EMAIL = 320


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified ID token says. `provider` is the name that the application gave to the provider.

    `email` is "" if the provider tells none, `email_verified` only its own claim of that. Issuer and subject are
    compared character by character. Raises ValueError for an issuer or a subject that cannot be one.
    """

    provider: str
    issuer: str
    subject: str = field(repr=False)
    email: str = field(default="", repr=False)
    email_verified: bool = False
    name: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for text, longest in ((self.subject, MAX_SUBJECT), (self.issuer, MAX_ISSUER)):
            if not (0 < len(text) <= longest and text.isprintable()):
                raise ValueError(f"an issuer or a subject is one line of 1 to {longest} characters")


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An identity that signs in to an account. Times are Unix seconds.

    `id` is how its owner names it. `provider` and `email` are those of the last sign-in; `email` is what the provider
    said, for its owner to recognise: accounts are never looked up by it.
    """

    id: str
    account_id: str
    issuer: str
    subject: str = field(repr=False)
    provider: str
    email: str = field(repr=False)
    created_at: int
    last_used_at: int


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """Where a session of ours began: at which provider, for which subject, in which session there.

    `provider_sid` is the `sid` of the ID token, None if it had none. `issued_at` is when the provider issued that
    token, by its own clock, as the `iat` of a logout token is. `ended_at`: the provider has ended its session.
    """

    sid: bytes
    account_id: str
    provider: str
    issuer: str
    subject: str = field(repr=False)
    provider_sid: str | None
    issued_at: int
    expires_at: int
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderSignIn:
    """What is known of a sign-in at a provider, before there is a session of ours (see `ProviderSession`)."""

    provider: str
    issuer: str
    subject: str = field(repr=False)
    sid: str | None
    issued_at: int

    def session(self, sid: bytes, *, account_id: str, expires_at: int) -> ProviderSession:
        """The record of this sign-in for a session of ours."""
        return ProviderSession(
            sid, account_id, self.provider, self.issuer, self.subject, self.sid, self.issued_at, expires_at
        )
