"""The services of a gate, called from wherever an application runs: another event loop, or none at all.

A gate that is open belongs to one event loop (`runtime/lifecycle.py`): that of an ASGI server, or that of its own
thread in a process without one. A call from elsewhere is handed to that loop, and its caller waits for the result.

    await gate.sessions.revoke_all(account_id, reason="revoked")     on any event loop      AnyLoop
    gate.sync.sessions.revoke_all(account_id, reason="revoked")      without one            Sync
    gate.sync.sign_in(request, account_id, methods=("fed",))

The methods of `Sync` are those of the services, with the same arguments and results. Each is named once below, and
mypy takes its types from the service; what is not named can be called as `gate.sync(method, …)`.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from gatepass.accounts.administration import Administration
from gatepass.accounts.identities import Identities
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.service import Accounts
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.totp import Totps
from gatepass.runtime.lifecycle import Lifecycle
from gatepass.runtime.thread import LoopThread
from gatepass.server.door import Door
from gatepass.sessions.changed_claims import ChangedClaims
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class AnyLoop:
    """A service whose async methods may be awaited on any event loop. Everything else is the service's own."""

    def __init__(self, service: object, lifecycle: Lifecycle) -> None:
        self.__dict__.update(_service=service, _lifecycle=lifecycle)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        return functools.partial(self._call, found) if inspect.iscoroutinefunction(found) else found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._service, name, value)

    def __repr__(self) -> str:
        return repr(self._service)

    async def _call(self, method: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        lifecycle: Lifecycle = self._lifecycle
        home = lifecycle.loop
        if home is not None and not lifecycle.is_open:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(method(*args, **kwargs), home))
        if lifecycle.was_left:
            await lifecycle.open()
        return await method(*args, **kwargs)


class Run:
    """Runs coroutines on the event loop of the gate, for callers that have none. Opens the gate if need be."""

    def __init__(self, lifecycle: Lifecycle, background: LoopThread) -> None:
        self._lifecycle = lifecycle
        self._background = background

    def __call__(
        self,
        method: Callable[Parameters, Awaitable[Result]],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """The result of an async method, or what it raises. Raises RuntimeError on the event loop of the gate."""
        if self._lifecycle.loop is not None and self._lifecycle.loop is _running_loop():
            raise RuntimeError(
                "gate.sync waits for the event loop of the gate, and would stop it here: await the method of the gate "
                "itself, or call gate.sync on a thread (asyncio.to_thread)."
            )
        asked: Future[Result] = self._background.submit(self._opened(method(*args, **kwargs)))
        return asked.result()

    def without_await(self, method: Callable[Parameters, Awaitable[Result]]) -> Callable[Parameters, Result]:
        """The method for sync code."""
        return functools.partial(self.__call__, method)

    async def awaited(self, work: Awaitable[Result]) -> Result:
        """The result of `work`, for a caller on any event loop. Opens the gate if need be."""
        if self._lifecycle.is_open:
            return await work
        return await asyncio.wrap_future(self._background.submit(self._opened(work)))

    async def _opened(self, work: Awaitable[Result]) -> Result:
        await self._lifecycle.open()
        return await work


class Method(Generic[Parameters, Result]):
    """One async method of a service, without the await."""

    def __init__(self, method: Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]) -> None:
        functools.update_wrapper(self, method)  # type: ignore[arg-type]
        self._name = method.__name__

    def __get__(self, owner: "SyncService", _kind: object = None) -> Callable[Parameters, Result]:
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


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
