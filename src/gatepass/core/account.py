"""The account record, and how an e-mail address becomes the key by which it is found."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """One person who can sign in. Times are Unix seconds.

    `email` is kept as typed (display form); `email_key` is the normalised form, unique in a store.
    `credential_version` rises with every change of the password, so that a sign-in which raced the change
    cannot outlive it (PROTOCOL §3). `password_hash` is a PHC string.
    """

    id: str
    email: str = field(repr=False)
    email_key: str = field(repr=False)
    password_hash: str = field(repr=False)
    credential_version: int
    created_at: int
    disabled_at: int | None = None
