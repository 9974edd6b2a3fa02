"""The account record, and that of a registration whose address is not verified yet.

A pending registration is no account: nothing can be signed in to, the address is not taken, and any number of them may
name one address. The link that was mailed there makes it an account only together with the password that was chosen.
So an attacker cannot register another person's address and wait until that person follows the link.
"""

from dataclasses import dataclass, field

MIRROR_KEY = "external "
"""How the key of a mirror begins: an account of a user of the application's own, which no address finds."""
NO_PASSWORD = "!"
"""Stands in place of a password hash, and is none: no password matches it."""


@dataclass(frozen=True, slots=True)
class Account:
    """What can be signed in to. Times are Unix seconds.

    `email` is kept as received (display form); `email_key` is the normalised form, unique in a store.
    `credential_version` rises with every change of password or address and when the account is disabled, so that what
    raced the change, a sign-in (PROTOCOL §3) or another change, cannot outlive it. `password_hash` is a PHC string, an
    imported hash (`passwords.foreign`), or NO_PASSWORD.
    `verified_at`: when its owner last proved that mail to the address arrives.
    """

    id: str
    email: str = field(repr=False)
    email_key: str = field(repr=False)
    password_hash: str = field(repr=False)
    credential_version: int
    created_at: int
    disabled_at: int | None = None
    verified_at: int | None = None

    @property
    def has_password(self) -> bool:
        """Whether its owner can sign in with a password: here, or with an `Authenticator`'s."""
        return self.password_hash not in ("", NO_PASSWORD)

    @property
    def is_mirror(self) -> bool:
        """Whether it is that of a user of the application's own, whom no address finds."""
        return self.email_key.startswith(MIRROR_KEY)


@dataclass(frozen=True, slots=True)
class PendingRegistration:
    """A request for an account whose address must be verified first. Deleted when no link for it can be valid.

    `extra` is the JSON that it brought for hooks of the application after the registration; "" for none.
    """

    id: str
    email: str = field(repr=False)
    email_key: str = field(repr=False)
    password_hash: str = field(repr=False)
    created_at: int
    extra: str = field(default="", repr=False)
