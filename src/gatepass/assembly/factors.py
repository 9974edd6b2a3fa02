"""Joins the second factors of one gate."""

from gatepass.assembly.accounts import AccountParts
from gatepass.assembly.options import Options
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.relying_party import join_relying_party
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
            None if options.passkeys is None else join_relying_party(options.passkeys, self.origins),
            store=options.store,
            keys=self._ring,
            clock=options.clock,
            entropy=options.entropy,
            changes=self.factor_changes,
            report=self.report,
        )
