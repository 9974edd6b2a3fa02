"""The providers of one gate, by name."""

from collections.abc import Callable, Iterable

from gatepass._extras import missing_extra
from gatepass.core.policy import MINUTE
from gatepass.errors import ConfigurationError, NotFound
from gatepass.oidc.options import Provider
from gatepass.oidc.partner import Partner
from gatepass.ports import Clock

TELL_INTERVAL = MINUTE
"""Seconds. Against what: while a provider is down, each click of each person fails in the same way."""


class Providers:
    """What `/auth/oidc/{name}` means. One may be added at any time, best before the first request."""

    def __init__(self, providers: Iterable[Provider], *, clock: Clock) -> None:
        """Raises ConfigurationError for two providers of one name, or if the extra is missing."""
        self._clock = clock
        self._partners: dict[str, Partner] = {}
        self._told: dict[str, tuple[str, int]] = {}
        for provider in providers:
            self.add(provider)

    def add(self, provider: Provider) -> None:
        """Add a provider. Raises ConfigurationError if there is one of this name, or if the extra is missing."""
        if provider.name in self._partners:
            raise ConfigurationError(f"There are two providers with the name {provider.name}.")
        self._partners[provider.name] = _partner(provider)(provider, clock=self._clock)

    def find(self, name: str) -> Partner:
        """The provider of this name. Raises NotFound."""
        partner = self._partners.get(name)
        if partner is None:
            raise NotFound("There is no provider of this name.")
        return partner

    def is_news(self, name: str, why: str) -> bool:
        """Whether this failure of a provider is to be told: the same one is told once in TELL_INTERVAL."""
        now = self._clock.now()
        told, at = self._told.get(name, ("", 0))
        if told == why and 0 <= now - at < TELL_INTERVAL:
            return False
        self._told[name] = (why, now)
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were added."""
        return tuple(self._partners)


def _partner(provider: Provider) -> Callable[..., Partner]:
    """The client of a provider. Imported where it is needed: both need the extra."""
    try:
        from gatepass.oidc.github import GitHub
        from gatepass.oidc.relying_party import RelyingParty
    except ModuleNotFoundError as missing:
        sentence = "Sign-in at a provider needs its extra: pip install 'gatepass[oidc]'"
        raise missing_extra(missing, "joserfc", sentence=sentence, kind=ConfigurationError) from None
    return GitHub if provider.adapter == "github" else RelyingParty
