"""The factors of an account, to be read: for its owner's page, an application and commands."""

from dataclasses import dataclass

from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp
from gatepass.ports import FactorStore


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has. `totp` is confirmed; `recovery` is a request to remove all of it."""

    summary: FactorSummary
    passkeys: tuple[Passkey, ...]
    totp: Totp | None
    recovery: FactorRecovery | None


class FactorList:
    """Reads the factors of an account from the store."""

    def __init__(self, store: FactorStore) -> None:
        self._store = store

    async def summary(self, account_id: str) -> FactorSummary:
        """How many factors an account has, in one read. All zero for an account that there is not.

        `enrol_by` is None where there is a second factor: nothing is due then.
        """
        found = await self._store.factors(account_id)
        return found._replace(enrol_by=None) if found.has_second else found

    async def of(self, account_id: str) -> Factors:
        """Its factors, one by one."""
        totp = await self._store.find_totp(account_id)
        return Factors(
            await self.summary(account_id),
            tuple(await self._store.list_passkeys(account_id)),
            totp if totp is not None and totp.confirmed_at is not None else None,
            await self._store.find_factor_recovery(account_id),
        )
