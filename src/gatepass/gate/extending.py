"""What an application adds to its gate: hooks, providers, listeners."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, overload

from pydantic import BaseModel

from gatepass.accounts.hooks import HookFunction
from gatepass.assembly.parts import Parts
from gatepass.core.hook_facts import HookFacts, HookKind
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.factors.policy import RequiredOf
from gatepass.oidc.options import Provider
from gatepass.runtime.event_delivery import Listener

Members = TypeVar("Members", bound=BaseModel)
Told = TypeVar("Told")


class Decorator(Protocol[Told]):
    """What `gate.before(…)` and `gate.after(…)` return."""

    def __call__(  # noqa: D102
        self, function: Callable[[HookFacts[Told]], Awaitable[None] | None], /
    ) -> Callable[[HookFacts[Told]], Awaitable[None] | None]: ...


class Extending:
    """Takes hooks, providers and listeners."""

    _parts: Parts

    @overload
    def before(self, kind: HookKind, *, timeout: float | None = None) -> Decorator[None]: ...

    @overload
    def before(self, kind: HookKind, *, extra: type[Members], timeout: float | None = None) -> Decorator[Members]: ...

    def before(self, kind: HookKind, *, extra: type[Any] | None = None, timeout: float | None = None) -> Any:
        """Ask a function, plain or async, before an act: "register", "sign_in", "change_email", "delete". A decorator.

            @gate.before("register", extra=SignUp)
            async def known_companies(facts: HookFacts[SignUp]) -> None:
                raise Refused("domain-not-allowed", "Use your address at work.")

        `extra` is a pydantic model of members that the request must bring beside its own. What raises Refused refuses;
        anything else that is raised is a 500, and a hook that takes more than `timeout` seconds (10) a 503: nothing has
        happened then. Raises ConfigurationError.
        """
        return self._hook("before", kind, extra, timeout)

    @overload
    def after(self, kind: HookKind, *, timeout: float | None = None) -> Decorator[None]: ...

    @overload
    def after(self, kind: HookKind, *, extra: type[Members], timeout: float | None = None) -> Decorator[Members]: ...

    def after(self, kind: HookKind, *, extra: type[Any] | None = None, timeout: float | None = None) -> Any:
        """Tell a function, plain or async, after an act, while its request waits. A decorator.

        "register", "change_email" and "delete" are told at least once and in order for each account, whichever way the
        account came: again after a failure, and after a crash. So the function must bear to be called twice. "sign_in"
        is told once. What it raises is logged and reported, and changes no answer. Raises ConfigurationError.
        """
        return self._hook("after", kind, extra, timeout)

    def _hook(self, when: str, kind: HookKind, extra: type[Any] | None, timeout: float | None) -> Any:
        if not isinstance(kind, str):
            raise ConfigurationError(f'Name the act: @gate.{when}("register"), not @gate.{when} alone.')

        def hang_in(function: HookFunction) -> HookFunction:
            self._parts.hooks.add(when, kind, function, extra=extra, timeout=timeout)
            return function

        return hang_in

    def second_factor_of(self, function: RequiredOf) -> RequiredOf:
        """Ask a function, plain or async, whether an account must have a second factor. A decorator.

            @gate.second_factor_of
            def administrators(account: AccountFacts) -> bool:
                return account.id in ADMINISTRATORS

        Asked at each sign-in of an account that has none, beside the policy; of several one that says yes is enough.
        What it raises is a 500, and more than 10 seconds are a 503: no session begins then. Raises
        ConfigurationError, also where SECOND_FACTOR is off.
        """
        self._parts.second_factors.require_of(function)
        return function

    def oidc(self, name: str, *, client_secret: str | Secret | None = None, **options: Any) -> Provider:
        """Let people sign in at a provider: `gate.oidc("google", issuer=…, client_id=…, client_secret=…)`.

        `options` are those of `gatepass.oidc.options.Provider`. The addresses are `oidc/{name}/start` and
        `oidc/{name}/callback` below the endpoints. Raises ConfigurationError.
        """
        provider = Provider(name=name, client_secret=client_secret, **options)
        del client_secret  # crash reports show local variables
        self._parts.providers.add(provider)
        return provider

    def on_event(self, listener: Listener) -> Listener:
        """Call `listener`, plain or async, with every event (`gatepass.core.event`), in their order. Also a decorator.

        No request waits for it. A plain listener runs on a thread and may block. Raises ConfigurationError for what
        cannot be called with one event.
        """
        self._parts.report.deliver_to(listener)
        return listener
