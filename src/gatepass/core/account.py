"""The account record, and that of somebody who asked for one and has not shown the address to be theirs.

An applicant is no account: nothing can be signed in to, the address is not taken by it, and any number of them may
name one address. Whoever opens the link that was mailed there, and knows the password that goes with it, gets the
account, so nobody can prepare one under a stranger's address and wait for its owner to confirm it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """One person who can sign in. Times are Unix seconds.

    `email` is kept as typed (display form); `email_key` is the normalised form, unique in a store.
    `credential_version` rises with every change of password or address, so that a sign-in which raced the change
    cannot outlive it (PROTOCOL §3). `password_hash` is a PHC string, or one that was brought along (`hashes`).
    `verified_at`: when its owner last showed that mail to the address reaches them.
    """

    id: str
    email: str = field(repr=False)
    email_key: str = field(repr=False)
    password_hash: str = field(repr=False)
    credential_version: int
    created_at: int
    disabled_at: int | None = None
    verified_at: int | None = None


@dataclass(frozen=True, slots=True)
class PendingRegistration:
    """Somebody who asked for an account where addresses are verified first. Forgotten when the link expires."""

    id: str
    email: str = field(repr=False)
    email_key: str = field(repr=False)
    password_hash: str = field(repr=False)
    created_at: int
