"""The option groups that settings make."""

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from pydantic import PrivateAttr, SecretStr

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import Policy
from gatepass.environment import has_file
from gatepass.errors import ConfigurationError
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.options import Mail
from gatepass.oidc.options import Provider
from gatepass.server.limits import Limits
from gatepass.settings.fields import Fields
from gatepass.wire.browsers import Browsers
from gatepass.wire.pages import Pages


class Groups(Fields):
    """The settings as options of a gate."""

    _providers: tuple[Provider, ...] = PrivateAttr(())

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that settings name, in the order of their names."""
        return self._providers

    @property
    def store_url(self) -> str:
        """The URL of the store, with its password."""
        return self.store.get_secret_value()

    @property
    def sessions_url(self) -> str | None:
        """The URL of the store for sessions, with its password."""
        return _text(self.sessions) or None

    def groups(self) -> dict[str, Callable[[], object]]:
        """Each group of options, which checks itself as it is made."""
        return {
            "secrets": self._secrets,
            "policy": lambda: Policy(**self._values(Policy)),
            "tokens": lambda: Tokens(**self._values(Tokens)),
            "browsers": lambda: Browsers(**self._values(Browsers)),
            "mail": self.mail_options,
            "limits": lambda: Limits(**self._values(Limits)),
            "pages": self._pages,
            "providers": lambda: self._providers,
        }

    def _values(self, group: type) -> dict[str, Any]:
        """The settings that are options of a group, by the same names."""
        names = {option.name for option in fields(group)} & type(self).model_fields.keys()
        return {name: getattr(self, name) for name in names}

    def mail_options(self, pages: LinkPages | None = None) -> Mail:
        """The options of mail; `pages` in place of those that settings name. Raises ConfigurationError."""
        pages = pages or LinkPages(**self._values(LinkPages))
        return Mail(_text(self.mail) or None, sender=self.mail_from, pages=pages, security_mail=self.security_mail)

    def _pages(self) -> Pages | None:
        pages = Pages(**self._values(Pages))
        if not self.pages and (named := sorted(self.model_fields_set & {"page_ttl", "sign_in_page", "auth_path"})):
            raise ConfigurationError(f"`{named[0]}` is for page cookies, which are off: set `pages` on too.")
        return pages if self.pages else None

    def _secrets(self) -> Secrets | None:
        if self.secret is None and (self.secret_file is None or not has_file(self.secret_file)):
            return None  # told already, as a gap
        return Secrets(
            tokens=_parts(self._secret_text()),
            feed=_parts(_text(self.revocation_feed_secret)),
            peppers=_parts(_text(self.pepper)),
            retired_key_ids=self.retired_key_ids,
        )

    def _secret_text(self) -> str:
        if self.secret_file is None:
            return _text(self.secret)
        try:
            return self.secret_file.read_text("ascii", errors="replace")
        except OSError as fault:
            raise ConfigurationError(f"`secret_file`: cannot read {self.secret_file}: {fault.strerror}") from None


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]
