"""The passkeys of accounts: add one, sign in with one, name and remove them.

    options    a challenge that only this ceremony can use; nothing is stored
    answer     is the challenge ours → the rules of WebAuthn (`ceremonies`) → has it been used → the row

A passkey is a way in of its own. So adding one needs a recent sign-in, its owner is told, and it goes with everything
else where a mailed link takes an account back whose address was not verified (`accounts/password_reset.py`).

One answer refuses whatever is wrong with a sign-in; why is an event. Two others say nothing of an account: that a
challenge is over, and that a credential is unknown, for which the browser then forgets the passkey.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol

from gatepass.core import event as events
from gatepass.core.account import Account
from gatepass.core.authentication import Authentication
from gatepass.core.event import Event
from gatepass.core.factor import Passkey
from gatepass.core.hook_facts import NO_REQUEST, RequestFacts
from gatepass.core.keyring import KeyRing
from gatepass.core.webauthn import InvalidPasskey, Why, authentication
from gatepass.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PasskeyRefused,
    Unprocessable,
)
from gatepass.factors import passkey_options
from gatepass.factors.ceremonies import Created, Members, judge_creation, judge_sign_in, read_creation, read_sign_in
from gatepass.factors.changes import FactorChanges, changed_meanwhile
from gatepass.factors.passkey_challenges import PasskeyChallenges
from gatepass.factors.passkey_names import name_of
from gatepass.factors.relying_party import RelyingParty
from gatepass.ports import AccountStore, Clock, Entropy, FactorStore
from gatepass.problem_codes import ProblemCode

MAX_PASSKEYS = 20
"""Of one account. Against what: every device and password manager of a person, but no list without end."""
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """A sign-in with a passkey: whose, by which, and what that proves."""

    account: Account
    passkey: Passkey
    how: Authentication


class PasskeyStore(AccountStore, FactorStore, Protocol):
    """What the service needs of a store."""


class PasskeyFactors:
    """Adds, lists, uses, renames and removes passkeys.

    Without a `party` none can be added or used; those that there are can be removed.
    """

    def __init__(
        self,
        party: RelyingParty | None,
        *,
        store: PasskeyStore,
        keys: KeyRing,
        clock: Clock,
        entropy: Entropy,
        changes: FactorChanges,
        report: Callable[[Event], None],
    ) -> None:
        self._party = party
        self._store = store
        self._challenges = PasskeyChallenges(store, keys=keys, clock=clock, entropy=entropy)
        self._clock = clock
        self._entropy = entropy
        self._changes = changes
        self._report = report

    @property
    def is_offered(self) -> bool:
        """Whether passkeys can be added and used."""
        return self._party is not None

    @property
    def party(self) -> RelyingParty:
        """The relying party. Raises Forbidden (`not-offered`) without one."""
        if self._party is None:
            raise Forbidden(ProblemCode.NOT_OFFERED, "This service has no passkeys.")
        return self._party

    def related_origins(self) -> dict[str, list[str]]:
        """The document that https://<RP id>/.well-known/webauthn must answer (WebAuthn L3 §5.11).

        `gatepass serve` does; an application that mounts the endpoints has a route for it.
        """
        return {"origins": list(self.party.options.related())}

    def check_page(self, origin: str | None) -> None:
        """Raise Forbidden (`not-offered`) for a page whose browser would refuse: one of 127.0.0.1, for localhost."""
        party = self.party
        if origin is not None and origin not in party.expected.origins:
            pages = ", ".join(sorted(party.expected.origins))
            raise Forbidden(ProblemCode.NOT_OFFERED, f"Passkeys of {party.options.rp_id} are for pages of {pages}.")

    async def list_for_account(self, account_id: str) -> Sequence[Passkey]:
        """The passkeys of an account, oldest first."""
        return await self._store.list_passkeys(account_id)

    async def creation_options(self, account: Account, *, session_id: str) -> dict[str, Any]:
        """What `navigator.credentials.create()` is given, as JSON (WebAuthn L3 §5.4).

        The answer counts in this session alone. Raises Forbidden (`not-offered`) or Conflict (`too-many-passkeys`).
        """
        party, own = self.party, await self._store.list_passkeys(account.id)
        if len(own) >= MAX_PASSKEYS:
            raise _too_many()
        handle, challenge = self._challenges.to_add(account.id, own, session_id=session_id)
        return passkey_options.for_creation(party.options, account, handle=handle, challenge=challenge, existing=own)

    async def add(
        self, account: Account, answer: Members, *, name: str = "", session_id: str, request: RequestFacts = NO_REQUEST
    ) -> Passkey:
        """Add the passkey that a device has made for the options of this session. Its owner is told.

        Without a `name` it gets that of the password manager, or of the client. Raises Unprocessable
        (`passkey-refused`), BadRequest (`challenge-expired`), Conflict (`passkey-taken`, `too-many-passkeys`,
        `password-changed`), or as `Hooks.ask`.
        """
        party, own = self.party, await self._store.list_passkeys(account.id)
        try:
            read = read_creation(answer)
            handle, until = self._challenges.added(read.client.challenge, account.id, own, session_id=session_id)
            created = judge_creation(read, party.expected, party.library)
        except InvalidPasskey as refusal:
            self._tell(refusal.why, account_id=account.id, ip_prefix=request.network)
            raise Unprocessable(ProblemCode.PASSKEY_REFUSED, "This passkey cannot be added here.") from None
        await self._changes.before_adding(account, "passkey", request=request)
        await self._challenges.use(read.client.challenge, until)
        label = name or name_of(created.credential.aaguid) or request.client
        passkey = self._row(account, created, handle=handle, name=label)
        is_added = await self._store.add_passkey(
            passkey, credential_version=account.credential_version, limit=MAX_PASSKEYS
        )
        if not is_added:
            await self._explain(passkey, account)
        self._changes.added(account.id, "passkey", ip_prefix=request.network)
        return passkey

    async def request_options(self, *, account_id: str | None = None, belongs_to: bytes = b"") -> dict[str, Any]:
        """What `navigator.credentials.get()` is given, as JSON (WebAuthn L3 §5.5).

        Without an account the browser offers whatever passkeys it has for this service, and the answer is the same for
        everybody. With one they are named: for the second step of a sign-in, which `belongs_to` a ticket.
        """
        party = self.party
        allowed = [] if account_id is None else await self._store.list_passkeys(account_id)
        return passkey_options.for_sign_in(
            party.options, challenge=self._challenges.to_sign_in(belongs_to), allowed=allowed
        )

    async def authenticate(
        self, answer: Members, *, account_id: str | None = None, belongs_to: bytes = b"", ip_prefix: str
    ) -> Shown:
        """Whose passkey has answered. With an `account_id` it must be one of that account.

        Raises PasskeyRefused, Unauthenticated (`unknown-credential`) or BadRequest (`challenge-expired`).
        """
        party = self.party
        found: Passkey | None = None
        try:
            read = read_sign_in(answer)
            until = self._challenges.signed_in(read.client.challenge, belongs_to)
            found = await self._store.find_passkey(read.credential_id)
            if found is None:
                raise self._unknown(ip_prefix)
            account = await self._store.find_account(found.account_id)
            if account is None or account.disabled_at is not None or account_id not in (None, account.id):
                raise InvalidPasskey("account")
            data = judge_sign_in(read, found, party.expected, party.library)
        except InvalidPasskey as refusal:
            self._refuse(refusal.why, found, ip_prefix=ip_prefix)
        await self._challenges.use(read.client.challenge, until)
        is_counted = await self._store.use_passkey(
            found.credential_id, sign_count=data.sign_count, is_backed_up=data.is_backed_up, now=self._clock.now()
        )
        if not is_counted:
            if await self._store.find_passkey(found.credential_id) is None:  # removed a moment ago
                raise self._unknown(ip_prefix)
            self._refuse("copy", found, ip_prefix=ip_prefix)
        how = authentication(is_user_verified=data.is_user_verified, is_backup_eligible=found.is_backup_eligible)
        return Shown(account, found, how)

    async def rename(self, account_id: str, passkey_id: str, *, name: str) -> None:
        """Name a passkey. Raises NotFound if the account has none of this id."""
        if not await self._store.rename_passkey(passkey_id, account_id=account_id, name=name):
            raise _not_found()

    async def remove(
        self, account_id: str, passkey_id: str, *, request: RequestFacts = NO_REQUEST, is_last_allowed: bool = False
    ) -> None:
        """Remove a passkey. Its owner is told; sessions stay.

        Raises NotFound, or Conflict (`last-way-in`) if the account would have no password, no identity and no passkey,
        which only an administrator may leave it with (`is_last_allowed`); or as `Hooks.ask`.
        """
        account = await self._store.find_account(account_id)
        named = [each for each in await self._store.list_passkeys(account_id) if each.id == passkey_id]
        if account is None or not named:
            raise _not_found()
        await self._changes.before_removing(account, "passkey", request=request)
        is_removed = await self._store.remove_passkey(
            passkey_id, account_id=account_id, needs_another=not is_last_allowed
        )
        if is_removed is None:
            raise _not_found()
        if not is_removed:
            raise Conflict(
                ProblemCode.LAST_WAY_IN, "This is the only way into the account: set a password or add another first."
            )
        self._changes.removed(account_id, "passkey", ip_prefix=request.network)

    def _row(self, account: Account, created: Created, *, handle: bytes, name: str) -> Passkey:
        credential, data = created.credential, created.data
        return Passkey(
            id=self._entropy.token_bytes(ID_BYTES).hex(),
            account_id=account.id,
            user_handle=handle,
            credential_id=credential.credential_id,
            public_key=credential.public_key,
            sign_count=data.sign_count,
            name=name,
            aaguid=credential.aaguid,
            transports=created.transports,
            is_backup_eligible=data.is_backup_eligible,
            is_backed_up=data.is_backed_up,
            created_at=self._clock.now(),
        )

    async def _explain(self, passkey: Passkey, account: Account) -> NoReturn:
        """Raise Conflict: why a passkey was not added."""
        now = await self._store.find_account(account.id)
        if now is None or now.credential_version != account.credential_version or now.disabled_at is not None:
            raise changed_meanwhile()
        if await self._store.find_passkey(passkey.credential_id) is not None:
            raise Conflict(ProblemCode.PASSKEY_TAKEN, "This passkey signs in to an account already.")
        raise _too_many()

    def _refuse(self, why: Why, passkey: Passkey | None, *, ip_prefix: str) -> NoReturn:
        """Report and raise the one answer for all sign-ins that are refused."""
        self._tell(why, account_id=None if passkey is None else passkey.account_id, ip_prefix=ip_prefix)
        raise PasskeyRefused

    def _unknown(self, ip_prefix: str) -> PasskeyRefused:
        self._tell("unknown", account_id=None, ip_prefix=ip_prefix)
        return PasskeyRefused(is_unknown=True)

    def _tell(self, why: Why | Literal["unknown"], *, account_id: str | None, ip_prefix: str) -> None:
        self._report(events.PasskeyRefused(at=self._clock.now(), address=ip_prefix, account_id=account_id, why=why))


def _too_many() -> Conflict:
    return Conflict(ProblemCode.TOO_MANY_PASSKEYS, f"An account has at most {MAX_PASSKEYS} passkeys; remove one.")


def _not_found() -> NotFound:
    return NotFound("You have no passkey of this id.")
