"""`gate.sync`: the whole gate for code without an event loop."""

from gatepass.accounts.administration import Administration
from gatepass.accounts.identities import Identities
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.service import Accounts
from gatepass.anywhere.loops import Run
from gatepass.anywhere.services import (
    SyncAccounts,
    SyncAdministration,
    SyncClaims,
    SyncFactors,
    SyncIdentities,
    SyncKeys,
    SyncPasskeys,
    SyncProviderLogout,
    SyncRecoveryCodes,
    SyncSessions,
    SyncTotps,
)
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.totp import Totps
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread
from gatepass.server.door.door import Door
from gatepass.sessions.changed_claims import ChangedClaims
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys


class Sync(Run):
    """`gate.sync`: the gate for code without an event loop, such as Django, Flask, a script, a worker.

    Each call blocks its thread until the result is there. The gate opens at the first one, on a thread of its own
    unless an event loop of this process has it open; it is closed at the end of the process, or by `close`.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        background: LoopThread,
        *,
        sessions: Sessions,
        accounts: Accounts,
        identities: Identities,
        factors: FactorList,
        totps: Totps,
        recovery_codes: RecoveryCodes,
        provider_logout: ProviderLogout,
        passkeys: PasskeyFactors,
        administration: Administration,
        keys: SigningKeys,
        door: Door,
        claims: ChangedClaims,
    ) -> None:
        super().__init__(lifecycle, background)
        self.sign_in = self.without_await(door.sign_in)
        """`Gatepass.sign_in`, of which this has the arguments. The request is read on this thread."""
        self.sessions = SyncSessions(sessions, self)
        self.accounts = SyncAccounts(accounts, self)
        self.identities = SyncIdentities(identities, self)
        self.factors, self.totps = SyncFactors(factors, self), SyncTotps(totps, self)
        self.recovery_codes = SyncRecoveryCodes(recovery_codes, self)
        self.provider_logout = SyncProviderLogout(provider_logout, self)
        self.passkeys = SyncPasskeys(passkeys, self)
        self.administration = SyncAdministration(administration, self)
        self.keys = SyncKeys(keys, self)
        claims_of = SyncClaims(claims, self)
        self.refresh_claims = claims_of.refresh_claims
        self.refresh_claims_of_all = claims_of.refresh_claims_of_all

    def open(self) -> None:
        """Open the gate. Raises ConfigurationError or StoreUnavailable."""
        self(self._lifecycle.open)

    def close(self) -> None:
        """Close what `open` or another call has opened on the gate's own thread. The next call opens it again."""
        self._background.stop()
