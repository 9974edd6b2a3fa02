"""What a hook of the application is told: the act, whose it is, the request, and what the request brought for it.

    @gate.before("register", extra=SignUp)
    async def only_known_companies(facts: HookFacts[SignUp]) -> None: ...

All of it is frozen. Never a password, a token or a cookie.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from gatepass.core.account import Account
from gatepass.core.claims import AccountFacts

HookKind = Literal[
    "register", "sign_in", "change_email", "delete", "mail_code", "add_factor", "remove_factor", "recover_factors"
]
ChangeKind = Literal["register", "change_email", "delete"]
Extra = TypeVar("Extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """Where a request comes from.

    `network` is the coarse network, as it is kept ("" if it is unknown); `client` a few words such as "Firefox on
    Linux". `headers` are those of the request by lower-case name, without what gives access: no Cookie, no
    Authorization, no proof of a key. Of a header that came twice it has the last.
    """

    network: str = ""
    client: str = ""
    origin: str | None = None
    user_agent: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


NO_REQUEST = RequestFacts()
"""For what no request asks for: a command, the application itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFacts(Generic[Extra]):
    """One act, before it or after it.

    `account` is the account as it is now; None before a registration and a code by mail, and after a deletion. `email`
    is its address; before a registration, a change of the address and a code by mail the one that is asked for, and ""
    after a deletion. `methods` are those of a sign-in (RFC 8176). `provider` names the provider of identities where the
    person has signed in: at a sign-in, and before a registration that comes of one. `factor` is `passkey` or `totp`,
    where one is added or removed. `request` is None where no request is at hand. `extra` has the
    members of the request that the hook declared; None where the act has no request that could bring them.
    """

    kind: HookKind
    account_id: str | None
    email: str = field(repr=False)
    account: AccountFacts | None = None
    request: RequestFacts | None = None
    methods: tuple[str, ...] = ()
    provider: str | None = None
    factor: str | None = None
    extra: Extra | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        kind: HookKind,
        account: Account,
        *,
        request: RequestFacts,
        email: str | None = None,
        methods: tuple[str, ...] = (),
        provider: str | None = None,
        factor: str | None = None,
    ) -> "HookFacts[Extra]":
        """An act on an account that there is; `email` is the address that is asked for, where it is another one."""
        return cls(
            kind=kind,
            account_id=account.id,
            email=account.email if email is None else email,
            account=AccountFacts.of(account),
            request=request,
            methods=methods,
            provider=provider,
            factor=factor,
        )


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An entry of the journal: an account was made, has another address, or was deleted.

    Numbers rise. `tries` counts how often it was handed out. `extra` is the JSON that the registration brought.
    """

    number: int
    account_id: str
    kind: ChangeKind
    tries: int = 0
    extra: str = field(default="", repr=False)
