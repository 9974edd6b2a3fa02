"""Every error of this package. A module after the name: the class is there, because only that file raises it.

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
    ├── Denied                      guards.flask, guards.litestar, guards.starlette: also their HTTPException
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
        ├── BeyondLimits            serving.http_protocol: a request beyond the limits of the server
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

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from gatepass.problem_codes import ProblemCode

Fact = str | int | Sequence[str] | Sequence[Mapping[str, str]]
Headers = Mapping[str, str]


class GatepassError(Exception):
    """The root: `except GatepassError` catches every error that this package raises on purpose."""


class ConfigurationError(GatepassError):
    """The configuration cannot be used. The message names every fault found and what to do about it."""


class DeliveryFailed(GatepassError):
    """A mail was not accepted. `is_final`: another attempt cannot succeed. The message names no address."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


class Problem(GatepassError):
    """An error with an HTTP answer (RFC 9457).

    `code` is stable, and what a client distinguishes by; `detail` is a sentence for people; `facts` are further
    members of the document; `headers` are sent with the answer.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(
        self, code: str, detail: str, *, facts: Mapping[str, Fact] | None = None, headers: Headers | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.facts: Mapping[str, Fact] = facts or {}
        self.headers: Headers = headers or {}


class BadRequest(Problem):
    """The request cannot be read; nothing changed."""


class Unauthenticated(Problem):
    """401. Every 401 carries a challenge (RFC 9110 §15.5.2)."""

    status = 401
    title = "Unauthenticated"

    def __init__(
        self, code: str, detail: str, *, facts: Mapping[str, Fact] | None = None, challenge: str = "Bearer"
    ) -> None:
        super().__init__(code, detail, facts=facts, headers={"WWW-Authenticate": challenge})


class TokenRequired(Unauthenticated):
    """No access token came: the challenge has no error code (RFC 6750 §3.1)."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.TOKEN_REQUIRED, "This needs an access token: Authorization: Bearer <token>.")


class InvalidToken(Unauthenticated):
    """An access token came and is not valid. `why` is for logs and tests; the caller gets the code alone."""

    def __init__(self, why: str, *, reason: str = "") -> None:
        """`reason` is told to the caller, as a fact of the document and as `error_description` (RFC 6750 §3)."""
        super().__init__(
            ProblemCode.INVALID_TOKEN,
            "The access token is malformed, expired, revoked or not for this service.",
            facts={"reason": reason} if reason else None,
            challenge='Bearer error="invalid_token"' + (f', error_description="{reason}"' if reason else ""),
        )
        self.why = why


class RevokedToken(InvalidToken):
    """The token is genuine, and its session has ended: on the wire as any invalid token, at a WebSocket 4403."""

    def __init__(self) -> None:
        super().__init__("session revoked")


class StaleClaims(InvalidToken):
    """The token is genuine and older than a change of its account's claims: a client refreshes, however young it is."""

    def __init__(self) -> None:
        super().__init__("claims changed", reason="claims-changed")


class InsufficientUserAuthentication(Unauthenticated):
    """The access token is valid, but its sign-in was too long ago, or by too weak means (RFC 9470 §3).

    `acr` names the assurances that are enough; the document has them as `acr_values`.
    """

    def __init__(self, max_age: int | None = None, *, acr: str | None = None) -> None:
        asked: dict[str, Fact] = {} if acr is None else {"acr_values": acr}
        if max_age is not None:
            asked["max_age"] = max_age
        told = "".join(f', {name}="{value}"' for name, value in asked.items())
        super().__init__(
            ProblemCode.INSUFFICIENT_USER_AUTHENTICATION,
            "This needs a recent sign-in: sign in again." if acr is None else "This needs a stronger sign-in: step up.",
            facts=asked,
            challenge=f'Bearer error="insufficient_user_authentication"{told}',
        )


class InvalidCredentials(Unauthenticated):
    """One answer for an unknown account, a wrong password and a disabled account."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.INVALID_CREDENTIALS, "E-mail address or password is wrong.")


class PasskeyRefused(Unauthenticated):
    """One answer for whatever is wrong with a passkey, and one for a credential that is unknown here."""

    def __init__(self, *, is_unknown: bool = False) -> None:
        """`is_unknown`: a page may tell the browser to forget the passkey (WebAuthn L3 §5.1.10.2)."""
        if is_unknown:
            super().__init__(ProblemCode.UNKNOWN_CREDENTIAL, "This passkey is not known here any more.")
        else:
            super().__init__(ProblemCode.PASSKEY_REFUSED, "This passkey cannot be used here.")


class SecondFactorRequired(Unauthenticated):
    """The first step of a sign-in is right, and one of `methods` must follow, with the `ticket` (PROTOCOL §6).

    `expires_in` seconds are left for it.
    """

    def __init__(self, methods: Sequence[str], *, ticket: str, expires_in: int) -> None:
        super().__init__(
            ProblemCode.SECOND_FACTOR_REQUIRED,
            "This sign-in needs a second step.",
            facts={"methods": list(methods), "ticket": ticket, "expires_in": expires_in},
        )
        self.methods = tuple(methods)
        self.ticket = ticket
        self.expires_in = expires_in


class NoSession(Unauthenticated):
    """A refresh came without a refresh token."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.NO_SESSION, "No refresh token came with the request.")


class SessionEnded(Unauthenticated):
    """The session has ended. `sid` and `reason` are set only if the refresh token was really ours (PROTOCOL §9)."""

    def __init__(self, *, sid: str | None = None, reason: str | None = None) -> None:
        given = {"sid": sid, "reason": reason}
        super().__init__(
            ProblemCode.SESSION_ENDED,
            "The session has ended; sign in again.",
            facts={name: value for name, value in given.items() if value is not None},
        )
        self.sid = sid
        self.reason = reason


class Forbidden(Problem):
    """403: understood and refused; nothing changed."""

    status = 403
    title = "Forbidden"


class SignInRefused(Forbidden):
    """The application has authenticated a person whose account is disabled, changed meanwhile, or does not exist."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.SIGN_IN_REFUSED, "This account cannot be signed in to.")


class ProofRequired(Forbidden):
    """The refresh token is bound to a key, and the request does not prove it: `missing` or `wrong` (PROTOCOL §4).

    `device`: the session is bound to a device, and the request does not show it (PROTOCOL §11).
    """

    _OF_THE_CLIENT = (
        "This session is bound to a key of the client that signed in, and the request does not prove it with "
        "Gatepass-Proof. A server that renders pages cannot refresh by forwarding the cookie: it reads the page "
        "cookie (PAGES), or lets the page refresh. Guide: docs/guides/rendering.md"
    )

    def __init__(self, reason: str) -> None:
        device = "This session is bound to a device, and the request does not come from it; sign in again."
        super().__init__(
            ProblemCode.PROOF_REQUIRED, device if reason == "device" else self._OF_THE_CLIENT, facts={"reason": reason}
        )
        self.reason = reason


class InsufficientScope(Forbidden):
    """The access token is valid but lacks a scope (RFC 6750 §3.1)."""

    def __init__(self, scopes: Sequence[str]) -> None:
        needed = " ".join(scopes)
        super().__init__(
            ProblemCode.INSUFFICIENT_SCOPE,
            "The access token does not cover this.",
            facts={"scope": needed},
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'},
        )


class NotFound(Problem):
    """404: there is no such resource, or it is another account's."""

    status = 404
    title = "Not found"

    def __init__(self, detail: str = "There is nothing here.") -> None:
        super().__init__(ProblemCode.NOT_FOUND, detail)


class MethodNotAllowed(Problem):
    """405 with the methods that are allowed."""

    status = 405
    title = "Method not allowed"

    def __init__(self, allow: Sequence[str]) -> None:
        methods = ", ".join(allow)
        super().__init__(ProblemCode.METHOD_NOT_ALLOWED, f"Allowed here: {methods}.", headers={"Allow": methods})


class Conflict(Problem):
    """409: contradicts the present state; the code says what."""

    status = 409
    title = "Conflict"


class RefreshSuperseded(Conflict):
    """A newer refresh token exists: read the state again and retry (PROTOCOL §6)."""

    def __init__(self, facts: Mapping[str, Fact] | None = None) -> None:
        detail = "A newer refresh token exists; read the session state again and retry."
        super().__init__(ProblemCode.REFRESH_SUPERSEDED, detail, facts=facts)


class PageElsewhere(Problem):
    """303 for a person who opens a page: to the resume page, or to where people sign in (PROTOCOL §10)."""

    status = 303
    title = "See other"

    def __init__(self, code: str, detail: str, location: str) -> None:
        super().__init__(code, detail, headers={"Location": location, "Vary": "Cookie"})
        self.location = location


class RequestTimeout(Problem):
    """408: the rest of the request did not come. The connection closes: where the next would begin is unknown."""

    status = 408
    title = "Request timeout"

    def __init__(self, seconds: float) -> None:
        detail = f"The body did not arrive within {seconds:g} s."
        super().__init__(ProblemCode.REQUEST_TIMEOUT, detail, headers={"Connection": "close"})


class BodyTooLarge(Problem):
    """413: more bytes than an endpoint reads."""

    status = 413
    title = "Content too large"

    def __init__(self, limit: int) -> None:
        super().__init__(ProblemCode.BODY_TOO_LARGE, f"A body here has at most {limit} bytes.")


class UnsupportedMediaType(Problem):
    """415: only JSON is accepted, as the types that an HTML form can send need no preflight (PROTOCOL §6)."""

    status = 415
    title = "Unsupported media type"

    def __init__(self) -> None:
        super().__init__(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json or no body.")


class Unprocessable(Problem):
    """422: well-formed, but a value is not accepted. Never repeats the value."""

    status = 422
    title = "Unprocessable content"


class TooManyAttempts(Problem):
    """429 with the seconds to wait."""

    status = 429
    title = "Too many attempts"

    def __init__(self, retry_after: int) -> None:
        detail = f"Too many attempts; try again in {retry_after} s."
        headers = {"Retry-After": str(retry_after)}
        super().__init__(ProblemCode.TOO_MANY_ATTEMPTS, detail, facts={"retry_after": retry_after}, headers=headers)


APPLICATION = "app:"
"""How every code of an application begins, and none of ours: a client cannot mistake one for the end of a session."""
_OWN_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_CODE = 64
_MEMBERS = frozenset(("type", "title", "status", "detail", "code", "instance"))
_HANDLED_BELOW = frozenset((401, 407, 408, 421, 425))
"""Clients and browsers act on these by themselves: they would refresh, or send the request again."""


class Refused(Problem):
    """A rule of the application refuses: `raise Refused("domain-not-allowed", "Use your address at work.")`.

    On the wire the code is `app:domain-not-allowed`. `members` are further members of the document; with a number of
    seconds as `retry_after` there is a Retry-After too. Raises ValueError for a code that is not lower-case words with
    hyphens, and for a status that is not 4xx or that clients act on by themselves (401, 407, 408, 421, 425).
    """

    def __init__(self, code: str, detail: str, *, status: int = 403, **members: Fact) -> None:
        if len(code) > _MAX_CODE or _OWN_CODE.fullmatch(code) is None:
            raise ValueError(f"a code is lower-case words with hyphens, of at most {_MAX_CODE} characters")
        if not 400 <= status < 500 or status in _HANDLED_BELOW:
            raise ValueError(
                "a refusal is 4xx, but none of 401, 407, 408, 421, 425: clients act on these by themselves"
            )
        if taken := sorted(_MEMBERS & members.keys()):
            raise ValueError(f"{', '.join(taken)}: members of every problem document")
        json.dumps(members)  # raises TypeError here, where the hook can be seen, and not at the reply
        known = status in HTTPStatus._value2member_map_
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase if known else "Refused"  # type: ignore[misc]
        wait = members.get("retry_after")
        headers = {"Retry-After": str(wait)} if isinstance(wait, int) else {}
        super().__init__(APPLICATION + code, detail, facts=members, headers=headers)


class Unavailable(Problem):
    """503 with Retry-After: nothing was decided, nothing cleared, nothing revoked."""

    status = 503
    title = "Service unavailable"

    def __init__(self, code: str, detail: str, *, retry_after: int = 1) -> None:
        headers = {"Retry-After": str(retry_after)}
        super().__init__(code, detail, facts={"retry_after": retry_after}, headers=headers)


class ProviderFailed(Problem):
    """502: what a provider of identities answers cannot be used. `why` is for logs and tests alone.

    Nobody is signed in, and nobody is signed out.
    """

    status = 502
    title = "Bad gateway"

    def __init__(
        self,
        why: str,
        *,
        code: str = ProblemCode.PROVIDER_ERROR,
        detail: str = "The provider answered something that cannot be used; try again, or sign in another way.",
    ) -> None:
        super().__init__(code, detail)
        self.why = why


class ProviderUnavailable(ProviderFailed):
    """502: a provider of identities cannot be reached, or is out of order."""

    def __init__(self, why: str) -> None:
        detail = "The provider does not answer; try again in a moment, or sign in another way."
        super().__init__(why, code=ProblemCode.PROVIDER_UNAVAILABLE, detail=detail)


class ProviderTimeout(ProviderUnavailable):
    """504: a provider of identities did not answer in time."""

    status = 504
    title = "Gateway timeout"


class StoreUnavailable(Unavailable):
    """The store failed or did not answer. The cause is chained for the log and never sent."""

    def __init__(self, detail: str = "The session store does not answer; try again.") -> None:
        super().__init__(ProblemCode.STORE_UNAVAILABLE, detail)


class Overloaded(Unavailable):
    """A bounded queue is full: refusing some requests at once keeps the others fast."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.OVERLOADED, "Too many sign-ins at once; try again.", retry_after=2)
