"""Every error of this package. A module after the name: the class is there, because only that file raises it.

The others are in this folder: `caller` (who asks), `request` (what is asked), `application` (its own rules), `outage`
(nothing was decided). All are imported from here.

    GatepassError
    ├── ConfigurationError          refuses to start, and says what to run or change
    ├── DeliveryFailed              a mail was not accepted; never the reason of a response
    ├── MalformedKeySet             core.public_key: a published key set is unusable; also a ValueError
    ├── InvalidDeviceProof          core.device_key: the proof of a device is unusable; also a ValueError
    ├── InvalidPasskey              core.webauthn: the answer of an authenticator is refused; also a ValueError
    ├── InvalidLogoutToken          core.logout_token: it ends nothing; also a ValueError
    ├── UnsupportedHash             accounts.passwords.foreign: an imported hash is refused; also a ValueError
    ├── UnreadableFile              accounts.import_files: a file as a whole cannot be imported
    ├── UnknownKey                  sessions.signing_keys: no such signing key
    ├── UnknownAccount              sessions.changed_claims: no account has this id; also a LookupError
    ├── NoClaims                    sessions.claims: the claims hook gave no claims; caught inside
    ├── HookError                   accounts.hooks: a hook raised what no hook may raise; answered with 500
    ├── Disconnected                server.http: the client left before its request was complete
    ├── NotSignedIn, Unreadable, Ambiguous     cli.login_files: no login, an unusable answer, several logins
    ├── SocketClosed                access.live_socket: the guard has closed a WebSocket; also a ConnectionError
    ├── Denied                      guards.flask, guards.litestar.principal, guards.starlette: also their HTTPException
    ├── ClientError                 client.errors: everything that the Python client raises; the tree is there
    └── Problem                     becomes an RFC 9457 document: status, code, detail, facts
        ├── BadRequest              400 malformed-json, invalid-proof, invalid-binding-secret, malformed-request
        ├── Unauthenticated         401 with a challenge (RFC 6750 §3); page-cookie-lost
        │   ├── TokenRequired           the request has no access token
        │   ├── InvalidToken            the access token is invalid
        │   │   ├── RevokedToken        it is genuine, and its session has ended
        │   │   ├── StaleClaims         it is genuine, but the claims of its account have changed since
        │   │   └── UnknownHeader       core.access_token: under no key that is known
        │   ├── InsufficientUserAuthentication   it is valid, but the sign-in is too long ago, or too weak
        │   ├── InvalidCredentials      unknown account, wrong password or disabled account
        │   │   ├── InvalidCode             a code of a second factor is wrong, or was used
        │   │   └── InvalidMailCode         a code that was mailed is wrong
        │   ├── PasskeyRefused          passkey-refused, unknown-credential
        │   ├── SecondFactorRequired    the first step of a sign-in is right, and another must follow
        │   ├── NoSession               the request has no refresh token
        │   └── SessionEnded            the only response that ends a session at a client
        ├── PageElsewhere           303 page-resumes, sign-in-required: a person who opens a page goes there first
        ├── Forbidden               403 cross-site, registration-closed, page-cookie-reads
        │   ├── SignInRefused           403 sign-in-refused: no such account, or a disabled one
        │   ├── ProofRequired           403 proof-required: the refresh token is another client's
        │   └── InsufficientScope       403 insufficient-scope: the token is valid and lacks a scope
        ├── NotFound                404
        ├── MethodNotAllowed        405 with Allow
        ├── Conflict                409 email-taken, session-mismatch
        │   └── RefreshSuperseded       a newer refresh token exists
        ├── RequestTimeout          408 request-timeout
        ├── BodyTooLarge            413
        ├── UnsupportedMediaType    415
        ├── Unprocessable           422 invalid-body, password-…
        ├── TooManyAttempts         429 with Retry-After
        ├── Refused                 4xx app:…: a rule of the application, raised by its hooks
        ├── BeyondLimits            serving.beyond_limits: a request beyond the limits of the server
        ├── InternalError           500 server.http: a fault of ours
        ├── ProviderFailed          502 provider-error: a provider of identities answers what cannot be used
        │   ├── UnpublishedKey          oidc.partner: a token is under no key that the provider publishes
        │   └── ProviderUnavailable     502 provider-unavailable: it does not answer
        │       └── ProviderTimeout     504 provider-unavailable: it does not answer in time
        └── Unavailable             503 with Retry-After: nothing was decided or cleared
            ├── StoreUnavailable
            │   ├── PartlyRead          ports.sessions: a part of the store cannot be read; caught inside
            │   ├── RowsLocked          stores.postgres.swap_batches: another program holds rows; caught inside
            │   └── Unreachable         stores.redis.connection: no connection, nothing was sent
            │       └── ConnectionRejected   stores.redis.connection: refused, or not trusted
            └── Overloaded

An application catches `GatepassError` for all of these. Wrong arguments raise TypeError or ValueError, as in Python
itself. A problem has facts (members of its document) and headers; no fact repeats what the caller sent, and none is a
secret, but for the ticket of a sign-in, which is its caller's own.
"""

from gatepass.errors.application import (
    APPLICATION,
    Refused,
)
from gatepass.errors.base import (
    ConfigurationError,
    DeliveryFailed,
    Fact,
    GatepassError,
    Headers,
    Problem,
)
from gatepass.errors.caller import (
    Forbidden,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidCode,
    InvalidCredentials,
    InvalidMailCode,
    InvalidToken,
    NoSession,
    PageElsewhere,
    PasskeyRefused,
    ProofRequired,
    RevokedToken,
    SecondFactorRequired,
    SessionEnded,
    SignInRefused,
    StaleClaims,
    TokenRequired,
    Unauthenticated,
)
from gatepass.errors.outage import (
    Overloaded,
    ProviderFailed,
    ProviderTimeout,
    ProviderUnavailable,
    StoreUnavailable,
    Unavailable,
)
from gatepass.errors.request import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    MethodNotAllowed,
    NotFound,
    RefreshSuperseded,
    RequestTimeout,
    TooManyAttempts,
    Unprocessable,
    UnsupportedMediaType,
)

__all__ = [
    "APPLICATION",
    "BadRequest",
    "BodyTooLarge",
    "ConfigurationError",
    "Conflict",
    "DeliveryFailed",
    "Fact",
    "Forbidden",
    "GatepassError",
    "Headers",
    "InsufficientScope",
    "InsufficientUserAuthentication",
    "InvalidCode",
    "InvalidCredentials",
    "InvalidMailCode",
    "InvalidToken",
    "MethodNotAllowed",
    "NoSession",
    "NotFound",
    "Overloaded",
    "PageElsewhere",
    "PasskeyRefused",
    "Problem",
    "ProofRequired",
    "ProviderFailed",
    "ProviderTimeout",
    "ProviderUnavailable",
    "RefreshSuperseded",
    "Refused",
    "RequestTimeout",
    "RevokedToken",
    "SecondFactorRequired",
    "SessionEnded",
    "SignInRefused",
    "StaleClaims",
    "StoreUnavailable",
    "TokenRequired",
    "TooManyAttempts",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
]
