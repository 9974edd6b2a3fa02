"""What one gate was given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gatepass.accounts.external import Authenticator
from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import Policy
from gatepass.factors.options import Passkeys
from gatepass.mail.options import Mail
from gatepass.oidc.options import Provider
from gatepass.ports import Clock, Entropy, PasswordHasher, Store
from gatepass.server.limits import Limits
from gatepass.wire.browsers import Browsers
from gatepass.wire.pages import MAX_PAGE_TOKEN, Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `Gatepass(...)` was given; each group has checked itself."""

    secrets: Secrets
    public_url: str
    store: Store
    policy: Policy
    tokens: Tokens
    browsers: Browsers
    mail: Mail
    users: Authenticator | None
    providers: Sequence[Provider]
    passkeys: Passkeys | None
    limits: Limits
    pages: Pages | None
    testing: bool
    clock: Clock
    entropy: Entropy
    hasher: PasswordHasher | None

    @property
    def host(self) -> str:
        """The host of the public URL."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def page_ttl(self) -> int | None:
        """The life of page tokens (seconds); None without them."""
        return None if self.pages is None else self.pages.page_ttl or self.policy.access_ttl

    @property
    def bounded_tokens(self) -> Tokens:
        """The options of tokens. With pages no token is longer than what browsers keep of a cookie."""
        if self.pages is None or self.tokens.max_token_length <= MAX_PAGE_TOKEN:
            return self.tokens
        return replace(self.tokens, max_token_length=MAX_PAGE_TOKEN)

    @property
    def binds_devices(self) -> bool:
        """Whether browsers may bind sessions to a device: only over https, where they know the scheme at all."""
        return self.browsers.device_bound == "allow" and self.public_url.startswith("https:")
