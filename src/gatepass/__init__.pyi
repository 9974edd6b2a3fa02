from gatepass.accounts.external import AuthenticatedUser as AuthenticatedUser, Authenticator as Authenticator
from gatepass.core.principal import Principal as Principal
from gatepass.core.claims import AccountFacts as AccountFacts, Tokens as Tokens
from gatepass.core.hook_facts import HookFacts as HookFacts, RequestFacts as RequestFacts
from gatepass.core.keyring import Secrets as Secrets
from gatepass.core.policy import Policy as Policy
from gatepass.core.rate import Rate as Rate
from gatepass.errors import (
    ConfigurationError as ConfigurationError,
    GatepassError as GatepassError,
    InsufficientScope as InsufficientScope,
    InsufficientUserAuthentication as InsufficientUserAuthentication,
    InvalidCredentials as InvalidCredentials,
    InvalidToken as InvalidToken,
    Problem as Problem,
    Refused as Refused,
    SessionEnded as SessionEnded,
    SignInRefused as SignInRefused,
    StoreUnavailable as StoreUnavailable,
    TokenRequired as TokenRequired,
    TooManyAttempts as TooManyAttempts,
)
from gatepass.factors.options import Passkeys as Passkeys
from gatepass.gate import Gatepass as Gatepass
from gatepass.mail import LinkPages as LinkPages, Mail as Mail, MailTemplates as MailTemplates
from gatepass.server.door.door import SignedIn as SignedIn
from gatepass.server.limits import Limits as Limits
from gatepass.wire.browsers import Browsers as Browsers
from gatepass.wire.pages import Pages as Pages

__all__: list[str]
__version__: str
