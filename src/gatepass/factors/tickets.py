"""Tickets of a gate: sealed when a first step succeeds, opened and used up by the second (`core.sign_in_ticket`)."""

from collections.abc import Collection

from gatepass.core.account import Account
from gatepass.core.authentication import Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.identity import ProviderSignIn
from gatepass.core.keyring import KeyRing
from gatepass.core.sealed import NONCE_BYTES
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import TICKET_TTL, SignInTicket, open_ticket, seal_ticket
from gatepass.ports import Clock, Entropy, FactorStore


class Tickets:
    """Nothing is stored but which tickets were used up, for as long as they would live."""

    def __init__(self, store: FactorStore, *, keys: KeyRing, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy

    def seal(
        self,
        account: Account,
        how: Authentication,
        *,
        remember: bool,
        binding_key: BindingKey | None,
        replaces: Collection[bytes] = (),
        continues: bytes | None = None,
        through: ProviderSignIn | None = None,
        extra: str = "",
    ) -> Secret:
        """The text of a new ticket, for the account as it is now. `replaces` and `continues` are session ids."""
        ticket = SignInTicket(
            account.id,
            account.credential_version,
            self._clock.now() + TICKET_TTL,
            how,
            remember,
            binding_key,
            sorted(sid.hex() for sid in replaces),
            None if continues is None else continues.hex(),
            through,
            extra,
        )
        return Secret(seal_ticket(ticket, self._keys, nonce=self._entropy.token_bytes(NONCE_BYTES)))

    def open(self, text: Secret) -> SignInTicket | None:
        """The ticket, if this gate has sealed it and it has not expired. It may have been used."""
        ticket = open_ticket(text.reveal(), self._keys)
        return ticket if ticket is not None and self._clock.now() < ticket.expires_at else None

    async def use(self, ticket: SignInTicket) -> bool:
        """Use a ticket up. False if that was done before."""
        return await self._store.use_once(b"ticket" + ticket.key, until=ticket.expires_at, now=self._clock.now())
