"""Recovery codes: ten, shown once, each for one sign-in in place of a second factor that was lost."""

from collections.abc import Callable, Sequence

from gatepass.accounts.code_throttle import RECOVERY_CODE, CodeThrottle
from gatepass.core import event as events
from gatepass.core import recovery_code
from gatepass.core.account import Account
from gatepass.core.event import Event
from gatepass.core.factor import RECOVERY_CODES
from gatepass.core.secret import Secret
from gatepass.errors import Forbidden, InvalidCode
from gatepass.factors.changes import FactorChanges, changed_meanwhile
from gatepass.ports import Clock, Entropy, FactorStore
from gatepass.problem_codes import ProblemCode


class RecoveryCodes:
    """Makes recovery codes, and uses each up once."""

    def __init__(
        self,
        store: FactorStore,
        *,
        throttle: CodeThrottle,
        changes: FactorChanges,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._throttle = throttle
        self._changes = changes
        self._clock = clock
        self._entropy = entropy
        self._report = report

    def draw(self) -> Sequence[Secret]:
        """Ten new codes, as they are shown."""
        random = self._entropy.token_bytes
        return [Secret(recovery_code.code_of(random(recovery_code.CODE_BYTES))) for _ in range(RECOVERY_CODES)]

    async def renew(self, account: Account, *, ip_prefix: str = "") -> Sequence[Secret]:
        """Ten new codes, in place of all that there were.

        Raises Forbidden (`no-second-factor`) for an account that has none, or Conflict (`password-changed`).
        """
        codes = self.draw()
        are_set = await self._store.set_recovery_codes(
            account.id,
            digests_of(codes, account_id=account.id),
            credential_version=account.credential_version,
            now=self._clock.now(),
        )
        if not are_set:
            if not (await self._store.factors(account.id)).has_second:
                raise Forbidden(
                    ProblemCode.NO_SECOND_FACTOR, "Recovery codes stand in for a second factor: enrol one first."
                )
            raise changed_meanwhile()
        self._changes.added(account.id, "recovery-codes", ip_prefix=ip_prefix)
        return codes

    async def use(
        self, account: Account, code: Secret, *, ip_prefix: str = "", devices: tuple[bytes, ...] = ()
    ) -> None:
        """Return if the code is one of the account's and was not used. It is used up then, and the owner is told.

        `devices` as in `Totps.verify`. Raises InvalidCode or TooManyAttempts.
        """
        left: list[int] = []

        async def verify() -> bool:
            digest = recovery_code.digest_of(code.reveal(), account_id=account.id)
            if digest is None:
                return False
            rest = await self._store.use_recovery_code(account.id, digest, now=self._clock.now())
            left.extend(() if rest is None else (rest,))
            return rest is not None

        try:
            await self._throttle.run_code(RECOVERY_CODE, account, verify, ip_prefix=ip_prefix, devices=devices)
        except InvalidCode:
            self._changes.failed(account.id, "recovery-codes", ip_prefix=ip_prefix)
            raise
        await self._throttle.clear_codes(account)  # the owner: a guesser cannot have one
        now = self._clock.now()
        self._report(events.RecoveryCodeUsed(at=now, address=ip_prefix, account_id=account.id, left=left[0]))


def digests_of(codes: Sequence[Secret], *, account_id: str) -> Sequence[bytes]:
    """What is stored of codes that were drawn."""
    digests = (recovery_code.digest_of(code.reveal(), account_id=account_id) for code in codes)
    return [digest for digest in digests if digest is not None]
