"""The services of a gate for sync code. Each method is named once here, and mypy takes its types from the service."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from gatepass.accounts.administration import Administration
from gatepass.accounts.identities import Identities
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.service import Accounts
from gatepass.anywhere.loops import Run
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.totp import Totps
from gatepass.sessions.changed_claims import ChangedClaims
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Method(Generic[Parameters, Result]):
    """One async method of a service, without the await."""

    def __init__(self, method: Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]) -> None:
        functools.update_wrapper(self, method)  # type: ignore[arg-type]
        self._name = method.__name__

    def __get__(self, owner: "SyncService | None", _kind: object = None) -> Callable[Parameters, Result]:
        if owner is None:  # asked of the class, by help() or create_autospec()
            return self.__wrapped__  # type: ignore[attr-defined,no-any-return]
        method: Callable[Parameters, Coroutine[Any, Any, Result]] = getattr(owner.service, self._name)
        return functools.partial(owner.run, method)


class SyncService:
    """A service of the gate for sync code."""

    def __init__(self, service: object, run: Run) -> None:
        self.service = service
        self.run = run


class SyncSessions(SyncService):
    """`gate.sync.sessions`."""

    sign_in = Method(Sessions.sign_in)
    revoke = Method(Sessions.revoke)
    revoke_all = Method(Sessions.revoke_all)
    revoke_everything = Method(Sessions.revoke_everything)
    revoke_owned = Method(Sessions.revoke_owned)
    is_owned = Method(Sessions.is_owned)
    is_remembered = Method(Sessions.is_remembered)
    list_for_account = Method(Sessions.list_for_account)


class SyncAccounts(SyncService):
    """`gate.sync.accounts`."""

    find = Method(Accounts.find)
    find_by_email = Method(Accounts.find_by_email)
    find_by_address = Method(Accounts.find_by_address)
    page = Method(Accounts.page)
    add = Method(Accounts.add)
    activate = Method(Accounts.activate)
    verify_address = Method(Accounts.verify_address)
    authenticate = Method(Accounts.authenticate)
    reauthenticate = Method(Accounts.reauthenticate)
    check_pending_password = Method(Accounts.check_pending_password)
    clear_failures = Method(Accounts.clear_failures)
    change_password = Method(Accounts.change_password)
    disable = Method(Accounts.disable)
    enable = Method(Accounts.enable)
    is_stopped = Method(Accounts.is_stopped)
    delete = Method(Accounts.delete)
    is_known = Method(Accounts.is_known)
    deliver_changes = Method(Accounts.deliver_changes)


class SyncIdentities(SyncService):
    """`gate.sync.identities`."""

    account_for = Method(Identities.account_for)
    link = Method(Identities.link)
    unlink = Method(Identities.unlink)
    list_for_account = Method(Identities.list_for_account)


class SyncFactors(SyncService):
    """`gate.sync.factors`."""

    summary = Method(FactorList.summary)
    of = Method(FactorList.of)


class SyncTotps(SyncService):
    """`gate.sync.totps`."""

    start = Method(Totps.start)
    confirm = Method(Totps.confirm)
    verify = Method(Totps.verify)
    remove = Method(Totps.remove)


class SyncRecoveryCodes(SyncService):
    """`gate.sync.recovery_codes`."""

    renew = Method(RecoveryCodes.renew)
    use = Method(RecoveryCodes.use)


class SyncProviderLogout(SyncService):
    """`gate.sync.provider_logout`."""

    end = Method(ProviderLogout.end)
    origin = Method(ProviderLogout.origin)


class SyncPasskeys(SyncService):
    """`gate.sync.passkeys`."""

    list_for_account = Method(PasskeyFactors.list_for_account)
    creation_options = Method(PasskeyFactors.creation_options)
    add = Method(PasskeyFactors.add)
    request_options = Method(PasskeyFactors.request_options)
    authenticate = Method(PasskeyFactors.authenticate)
    rename = Method(PasskeyFactors.rename)
    remove = Method(PasskeyFactors.remove)


class SyncAdministration(SyncService):
    """`gate.sync.administration`."""

    note = Method(Administration.note)
    entries = Method(Administration.entries)
    add_account = Method(Administration.add_account)
    disable_account = Method(Administration.disable_account)
    enable_account = Method(Administration.enable_account)
    delete_account = Method(Administration.delete_account)
    verify_address = Method(Administration.verify_address)
    unlink_identity = Method(Administration.unlink_identity)
    reset_factors = Method(Administration.reset_factors)
    cancel_factor_recovery = Method(Administration.cancel_factor_recovery)
    end_session = Method(Administration.end_session)
    end_sessions = Method(Administration.end_sessions)
    end_all_sessions = Method(Administration.end_all_sessions)
    refresh_claims = Method(Administration.refresh_claims)
    refresh_claims_of_all = Method(Administration.refresh_claims_of_all)
    rotate_key = Method(Administration.rotate_key)
    retire_key = Method(Administration.retire_key)


class SyncKeys(SyncService):
    """`gate.sync.keys`."""

    rotate = Method(SigningKeys.rotate)
    retire = Method(SigningKeys.retire)
    listed = Method(SigningKeys.listed)


class SyncClaims(SyncService):
    """`gate.sync.refresh_claims` and `gate.sync.refresh_claims_of_all`."""

    refresh_claims = Method(ChangedClaims.refresh_claims)
    refresh_claims_of_all = Method(ChangedClaims.refresh_claims_of_all)
