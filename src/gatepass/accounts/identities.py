"""Which account a person has who signed in at another provider, and how identities are linked and unlinked.

An identity signs in to the account that it is linked to, whatever address it says today. Where it is new, its address
decides, and an address is a claim that others make too:

    address here    the provider's claim
    none            verified, or registration is open    an account is made, without a password
    verified        verified                             linked: both belong to the owner of the mailbox
    any             not verified                         refused: the claim may be a stranger's
    not verified    any                                  refused: the account may be a stranger's, who waits for it

Refused is `link-required`: its owner signs in as before, and links. So an account that was planted under another
person's address never gets that person's identity. The other way round, a mailed link that sets a password takes an
account back from the person who made it: the identities of an account whose address was not verified go with it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gatepass.accounts.changes import Changes
from gatepass.accounts.hooks import Hooks
from gatepass.accounts.lookup import find_by_email
from gatepass.core import event as events
from gatepass.core.account import NO_PASSWORD, Account
from gatepass.core.event import Event, LinkedBy
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.core.identity import Identity as Identity
from gatepass.core.identity import LinkedIdentity
from gatepass.core.policy import RegistrationMode
from gatepass.core.session_id import SessionId, sid_of
from gatepass.errors import Conflict, Forbidden, NotFound, Unavailable
from gatepass.ports import AccountStore, Clock, Entropy, FactorStore, IdentityStore
from gatepass.problem_codes import ProblemCode
from gatepass.sessions.service import Sessions
from gatepass.wire.email_address import EmailAddress, read_email

MAX_IDENTITIES = 20
"""Of one account. Against what: a few providers for each of a person's roles, but no list without end."""
MAX_TURNS = 3
"""Lost races in a row before a sign-in gives up with 503: each means that another request made an account or a link."""
_EVER = 2**62


class IdentitiesStore(AccountStore, IdentityStore, FactorStore, Protocol):
    """What the service needs of a store."""


class Identities:
    """Finds, links, unlinks and lists identities. `registration` is the mode of `Policy.registration`."""

    def __init__(
        self,
        registration: RegistrationMode,
        *,
        store: IdentitiesStore,
        sessions: Sessions,
        hooks: Hooks,
        changes: Changes,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[Event], None],
    ) -> None:
        self._registration = registration
        self._store = store
        self._sessions = sessions
        self._hooks = hooks
        self._changes = changes
        self._clock = clock
        self._entropy = entropy
        self._report = report

    async def account_for(self, identity: Identity, *, request: RequestFacts = NO_REQUEST) -> Account:
        """The account that an identity signs in to: found, linked or made, as the head of this file says.

        Before one is made the hooks are asked, and afterwards they are told, as for every registration.

        Raises Forbidden (`account-disabled`, `link-required`, `email-required`, `email-unverified`,
        `registration-closed`), Conflict (`too-many-identities`), Unavailable, or as `Hooks.ask`.
        """
        ip_prefix = request.network
        for _ in range(MAX_TURNS):
            account = await self._linked(identity) or await self._by_address(identity, request=request)
            if account is not None:
                if account.disabled_at is None:
                    return account
                self._refuse(account, ProblemCode.ACCOUNT_DISABLED, "This account is disabled.", ip_prefix=ip_prefix)
        raise Unavailable(ProblemCode.OVERLOADED, "The account is being changed by other requests; try again.")

    async def link(self, account_id: str, identity: Identity, *, ip_prefix: str = "") -> LinkedIdentity:
        """Let an identity sign in to an account too, at the request of its owner. Again: nothing changes.

        The caller has proof of both: a recent sign-in, and the ID token. Raises Conflict (`identity-taken`,
        `too-many-identities`, `password-changed`) or NotFound.
        """
        account = await self._store.find_account(account_id)
        if account is None:
            raise NotFound("There is no such account.")
        own = await self._store.list_identities(account_id)
        for each in own:
            if (each.issuer, each.subject) == (identity.issuer, identity.subject):
                return each
        linked = await self._add(account, identity, by="session", ip_prefix=ip_prefix, count=len(own))
        if linked is not None:
            return linked
        now = await self._store.find_account(account_id)
        if now is None or now.credential_version != account.credential_version:
            raise Conflict(ProblemCode.PASSWORD_CHANGED, "The account was changed by another request meanwhile.")
        raise Conflict(ProblemCode.IDENTITY_TAKEN, "This identity signs in to another account; unlink it there first.")

    async def unlink(
        self,
        account_id: str,
        identity_id: str,
        *,
        keep: SessionId | None = None,
        ip_prefix: str = "",
        is_last_allowed: bool = False,
    ) -> None:
        """End that an identity signs in to an account, and all sessions that began with it except `keep`.

        Raises NotFound, or Conflict (`last-way-in`) if the account would have neither a password nor an identity, which
        only an administrator may leave it with (`is_last_allowed`).
        """
        own = await self._store.list_identities(account_id)
        identity = next((each for each in own if each.id == identity_id), None)
        if identity is None:
            raise _unknown_identity()
        if len(own) == 1 and not is_last_allowed and not await self._has_another_way_in(account_id):
            raise _last_way_in()
        # First: where this is cut off in between, the identity is still there, and it can be asked for again.
        await self._end_sessions_of(identity, keep=keep, ip_prefix=ip_prefix)
        is_removed = await self._store.remove_identity(
            identity_id, account_id=account_id, needs_another=not is_last_allowed
        )
        if is_removed is None:
            raise _unknown_identity()
        if not is_removed:
            raise _last_way_in()
        self._report(
            events.IdentityUnlinked(
                at=self._clock.now(), address=ip_prefix, account_id=account_id, provider=identity.provider
            )
        )
        await self._end_sessions_of(identity, keep=keep, ip_prefix=ip_prefix)  # what began meanwhile

    async def list_for_account(self, account_id: str) -> Sequence[LinkedIdentity]:
        """The identities that sign in to an account, oldest first."""
        return await self._store.list_identities(account_id)

    async def _end_sessions_of(self, identity: LinkedIdentity, *, keep: SessionId | None, ip_prefix: str) -> None:
        """End all sessions that began with an identity except `keep`."""
        ended = await self._store.end_provider_sessions(
            identity.issuer, subject=identity.subject, provider_sid=None, issued_by=_EVER, now=self._clock.now()
        )
        for sid in ended:
            if keep is None or sid != sid_of(keep):
                await self._sessions.revoke(sid, reason="revoked", ip_prefix=ip_prefix)

    async def _has_another_way_in(self, account_id: str) -> bool:
        """Whether an account is opened by more than its identities. The store looks again when one is removed."""
        account = await self._store.find_account(account_id)
        return account is not None and (account.has_password or (await self._store.factors(account_id)).passkeys > 0)

    async def _linked(self, identity: Identity) -> Account | None:
        """The account that an identity is linked to."""
        address = read_email(identity.email)
        linked = await self._store.use_identity(
            identity.issuer,
            identity.subject,
            provider=identity.provider,
            email=address.display if address else "",
            now=self._clock.now(),
        )
        account = None if linked is None else await self._store.find_account(linked.account_id)
        if linked is None or account is None:
            return None
        # Looked at behind the account: if it is unlinked later, the version refuses the session.
        own = await self._store.list_identities(account.id)
        return account if any(each.id == linked.id for each in own) else None

    async def _by_address(self, identity: Identity, *, request: RequestFacts) -> Account | None:
        """The account of a new identity's address, linked or made. None if another request was faster."""
        ip_prefix = request.network
        address = read_email(identity.email)
        if address is None:
            raise Forbidden(
                ProblemCode.EMAIL_REQUIRED,
                "The provider tells no address, which an account here needs. Sign in another way, and link it.",
            )
        if not identity.email_verified and self._registration != "open":  # the same for every address
            raise Forbidden(
                ProblemCode.EMAIL_UNVERIFIED,
                "The provider has not verified your address. Sign in another way, and link it.",
            )
        account = await find_by_email(self._store, address.key)
        if account is None:
            return await self._register(identity, address, request=request)
        if account.disabled_at is not None:
            return account
        if not identity.email_verified or account.verified_at is None:
            detail = "There is an account with this address. Sign in to it as before, then link this provider."
            self._refuse(account, ProblemCode.LINK_REQUIRED, detail, ip_prefix=ip_prefix)
        count = len(await self._store.list_identities(account.id))
        linked = await self._add(account, identity, by="address", ip_prefix=ip_prefix, count=count)
        return None if linked is None else account

    async def _register(self, identity: Identity, address: EmailAddress, *, request: RequestFacts) -> Account | None:
        """Make an account without a password. None if the address or the identity was taken meanwhile."""
        if self._registration == "closed":
            raise Forbidden(ProblemCode.REGISTRATION_CLOSED, "Only an administrator can make accounts here.")
        facts: HookFacts[Any] = HookFacts(
            kind="register", account_id=None, email=address.display, request=request, provider=identity.provider
        )
        await self._hooks.ask(facts)
        now, ip_prefix = self._clock.now(), request.network
        account = Account(
            id=self._entropy.token_bytes(16).hex(),
            email=address.display,
            email_key=address.key,
            password_hash=NO_PASSWORD,
            credential_version=1,
            created_at=now,
            verified_at=now if identity.email_verified else None,
        )
        if not await self._store.add_account_of(account, self._of(account, identity, now=now)):
            return None
        self._report(events.AccountRegistered(at=now, address=ip_prefix, account_id=account.id))
        if identity.email_verified:
            self._report(events.AccountVerified(at=now, address=ip_prefix, account_id=account.id))
        self._report_link(account, identity, by="registration", ip_prefix=ip_prefix)
        await self._changes.deliver(account.id)
        return account

    async def _add(
        self, account: Account, identity: Identity, *, by: LinkedBy, ip_prefix: str, count: int
    ) -> LinkedIdentity | None:
        """Link an identity to an account that has `count` already. None if it is taken, or the account has changed."""
        if count >= MAX_IDENTITIES:
            raise Conflict(
                ProblemCode.TOO_MANY_IDENTITIES, f"An account has at most {MAX_IDENTITIES} identities; unlink one."
            )
        linked = self._of(account, identity, now=self._clock.now())
        if not await self._store.add_identity(linked, credential_version=account.credential_version):
            return None
        self._report_link(account, identity, by=by, ip_prefix=ip_prefix)
        return linked

    def _of(self, account: Account, identity: Identity, *, now: int) -> LinkedIdentity:
        address = read_email(identity.email)
        return LinkedIdentity(
            id=self._entropy.token_bytes(16).hex(),
            account_id=account.id,
            issuer=identity.issuer,
            subject=identity.subject,
            provider=identity.provider,
            email=address.display if address else "",
            created_at=now,
            last_used_at=now,
        )

    def _report_link(self, account: Account, identity: Identity, *, by: LinkedBy, ip_prefix: str) -> None:
        self._report(
            events.IdentityLinked(
                at=self._clock.now(), address=ip_prefix, account_id=account.id, provider=identity.provider, by=by
            )
        )

    def _refuse(self, account: Account, code: str, detail: str, *, ip_prefix: str) -> None:
        """Report a sign-in that is refused. Raises Forbidden."""
        self._report(events.SignInFailed(at=self._clock.now(), address=ip_prefix, account_id=account.id))
        raise Forbidden(code, detail)


def _unknown_identity() -> NotFound:
    return NotFound("You have no identity of this id.")


def _last_way_in() -> Conflict:
    return Conflict(
        ProblemCode.LAST_WAY_IN, "This is the only way into the account: set a password or link another first."
    )
