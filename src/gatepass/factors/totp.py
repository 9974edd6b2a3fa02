"""An authenticator app as the second factor of an account: started, confirmed by a first code, asked, removed.

start     a new secret, sealed in the store; the owner's app reads it from a QR code
confirm   the first code shows that the app has it: from then on it counts, and ten recovery codes are made
verify    a code, once, under a throttle of its own (`accounts.code_throttle`)
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from gatepass.accounts.code_throttle import TOTP, CodeThrottle
from gatepass.core import totp
from gatepass.core.account import Account
from gatepass.core.factor import Totp
from gatepass.core.hook_facts import NO_REQUEST, RequestFacts
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import HOUR
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, InvalidCode
from gatepass.factors.changes import FactorChanges, changed_meanwhile
from gatepass.factors.qr import svg_of
from gatepass.factors.recovery_codes import RecoveryCodes, digests_of
from gatepass.ports import Clock, Entropy, FactorStore
from gatepass.problem_codes import ProblemCode

logger = logging.getLogger("gatepass.factors")

CONFIRM_TIMEOUT = HOUR
"""Seconds in which a first code must come. A secret that was shown and never used is void then."""

MAX_BATCH = 100


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """What the owner's app needs: the secret to type, the otpauth URI, and its QR code (None without the extra)."""

    secret: Secret
    uri: Secret
    qr: Secret | None


class Totps:
    """Starts, confirms, asks and removes authenticator apps. `service` is the name that apps show beside the codes."""

    def __init__(
        self,
        store: FactorStore,
        *,
        service: str,
        keys: KeyRing,
        throttle: CodeThrottle,
        recovery_codes: RecoveryCodes,
        changes: FactorChanges,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._service = service
        self._keys = keys
        self._throttle = throttle
        self._recovery_codes = recovery_codes
        self._changes = changes
        self._clock = clock
        self._entropy = entropy
        self._unopened = 0

    async def start(self, account: Account, *, request: RequestFacts = NO_REQUEST) -> TotpSetup:
        """A new secret, in place of one that was not confirmed. Nothing is asked for it until it is.

        Raises Conflict (`factor-exists`, `password-changed`), or as the hooks before `add_factor`.
        """
        await self._changes.before_adding(account, "totp", request=request)
        secret = self._entropy.token_bytes(totp.SECRET_BYTES)
        row = Totp(account.id, self._seal(secret, account.id), self._clock.now())
        if not await self._store.put_totp(row, credential_version=account.credential_version):
            await self._refuse(account)
        uri = Secret(totp.uri_of(secret, service=self._service, account=account.email or account.id))
        return TotpSetup(Secret(totp.text_of(secret)), uri, svg_of(uri))

    async def confirm(self, account: Account, code: Secret, *, ip_prefix: str = "") -> Sequence[Secret]:
        """Let the app count from now on. Returns ten recovery codes, which take the place of all that there were.

        Raises InvalidCode for a wrong code, TooManyAttempts, or Conflict (`factor-exists`, `password-changed`,
        `totp-not-started`).
        """
        row = await self._store.find_totp(account.id)
        if row is None or row.created_at < self._clock.now() - CONFIRM_TIMEOUT:
            raise Conflict(ProblemCode.TOTP_NOT_STARTED, "Begin again: there is no secret that a code could confirm.")
        if row.confirmed_at is not None:
            await self._refuse(account)
        steps: list[int] = []

        async def verify() -> bool:
            step = self._step_of(code, row)
            steps.extend(() if step is None else (step,))
            return step is not None

        await self._throttle.run_code(TOTP, account, verify, ip_prefix=ip_prefix)
        codes = self._recovery_codes.draw()
        is_confirmed = await self._store.confirm_totp(
            account.id,
            sealed=row.sealed,
            step=steps[0],
            recovery_codes=digests_of(codes, account_id=account.id),
            credential_version=account.credential_version,
            now=self._clock.now(),
        )
        if not is_confirmed:
            await self._refuse(account)
        self._changes.added(account.id, "totp", ip_prefix=ip_prefix)
        return codes

    async def verify(
        self, account: Account, code: Secret, *, ip_prefix: str = "", devices: tuple[bytes, ...] = ()
    ) -> None:
        """Return if the code of the account's app is right and was not used. It is used up then.

        `devices` are the sessions whose refresh tokens the caller still has. Raises InvalidCode, also for an
        account without an app, or TooManyAttempts.
        """

        async def verify() -> bool:
            row = await self._store.find_totp(account.id)
            if row is None or row.confirmed_at is None:
                return False
            step = self._step_of(code, row)
            return step is not None and await self._store.use_totp(account.id, step=step)

        try:
            await self._throttle.run_code(TOTP, account, verify, ip_prefix=ip_prefix, devices=devices)
        except InvalidCode:
            self._changes.failed(account.id, "totp", ip_prefix=ip_prefix)
            raise

    async def remove(self, account: Account, *, ip_prefix: str = "", request: RequestFacts = NO_REQUEST) -> bool:
        """Remove the app. False if there is none.

        Raises Conflict (`password-changed`), or as the hooks before `remove_factor`.
        """
        row = await self._store.find_totp(account.id)
        if row is None:
            return False
        if row.confirmed_at is not None:
            await self._changes.before_removing(account, "totp", request=request)
        if not await self._store.remove_totp(account.id, credential_version=account.credential_version):
            raise changed_meanwhile()
        if row.confirmed_at is not None:
            self._changes.removed(account.id, "totp", ip_prefix=ip_prefix)
        return True

    async def reseal(self) -> int:
        """Seal anew what is under a former secret of the server: one that is dropped takes no app with it.

        What cannot be opened stays, and is logged. Returns how many that are. Raises StoreUnavailable.
        """
        unopened = 0
        for former in self._keys.former:
            after = ""
            while due := await self._store.list_totps_under(key_id=former.key_id, after=after, limit=MAX_BATCH):
                unopened += [await self._reseal(row) for row in due].count(False)
                after = due[-1].account_id
        if unopened not in (0, self._unopened):  # the janitor meets them again and again
            logger.error(
                "%d authenticator apps are sealed under a former secret that has the key id of one of `secrets` and "
                "does not open them: no code of theirs is right. gatepass accounts factors reset removes them.",
                unopened,
            )
        self._unopened = unopened
        return unopened

    async def _reseal(self, row: Totp) -> bool:
        """Whether it could be opened."""
        secret = totp.unseal(row.sealed, self._keys, account_id=row.account_id)
        if secret is not None:
            after = self._seal(secret, row.account_id)
            await self._store.reseal_totp(row.account_id, before=row.sealed, after=after)
        return secret is not None

    def _seal(self, secret: bytes, account_id: str) -> bytes:
        nonce = self._entropy.token_bytes(totp.NONCE_BYTES)
        return totp.seal(secret, self._keys, nonce=nonce, account_id=account_id)

    def _step_of(self, code: Secret, row: Totp) -> int | None:
        secret = totp.unseal(row.sealed, self._keys, account_id=row.account_id)
        if secret is None:
            return None
        return totp.step_of(code.reveal(), secret, now=self._clock.now(), after=row.last_step)

    async def _refuse(self, account: Account) -> NoReturn:
        """Say why a secret was not taken. Raises Conflict."""
        row = await self._store.find_totp(account.id)
        if row is not None and row.confirmed_at is not None:
            raise Conflict(ProblemCode.FACTOR_EXISTS, "The account has an authenticator app; remove it first.")
        raise changed_meanwhile()
