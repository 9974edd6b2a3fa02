"""Joins the second factors of one gate."""

from gatepass.assembly.accounts import AccountParts
from gatepass.assembly.options import Options
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.factors.passkeys import PasskeyFactors, RelyingParty
from gatepass.wire.origin import Origins


class FactorParts(AccountParts):
    """What an account has beside its password."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.origins = Origins.of(options.public_url, options.browsers.origins)
        self._join_passkeys()

    def _join_passkeys(self) -> None:
        options = self.options
        self.passkeys = PasskeyFactors(
            None if options.passkeys is None else relying_party(options.passkeys, self.origins),
            store=options.store,
            keys=self._ring,
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
        )


def relying_party(options: Passkeys, origins: Origins) -> RelyingParty:
    """The relying party of these pages. Raises ConfigurationError, also where the library is not installed."""
    from gatepass.factors.fido import Fido2  # an extra, and a quarter of a second

    library = Fido2()
    if library.is_public_suffix(options.rp_id):
        raise ConfigurationError(
            f"`passkey_rp_id` {options.rp_id} is a public suffix: everybody may have a name below it, and browsers "
            "refuse it."
        )
    return RelyingParty(options, options.expected(origins), library)
