"""Who a page is rendered for: by the page cookie, in a route that says so, for GET and HEAD alone (PROTOCOL §10).

A person whose page cookie has run out, while the state cookie says that a session exists, is sent to the resume page,
which refreshes with the browser's key and comes back: at most once. One who is signed out is sent to the page where the
application lets people sign in, or gets the 401. Scripts and programs are never sent elsewhere: they get the refusal.
"""

from typing import NamedTuple

from gatepass.access.check import Check
from gatepass.core.access_token import is_page_token
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError, Forbidden, InvalidToken, PageElsewhere, TokenRequired, Unauthenticated
from gatepass.problem_codes import ProblemCode
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers, bearer_of
from gatepass.wire.navigation import is_navigation
from gatepass.wire.pages import Pages

READING = ("GET", "HEAD")
PATH_CHARACTERS = "/!$&'()*+,;=:@~"
"""What stands in a path as it is (RFC 3986 §3.3)."""
_LOST = (
    "The session was resumed just now, and its page cookie did not come along or is not accepted here. Is PAGES on at "
    "the server that signs in, and is this page on the host of its PUBLIC_URL?"
)


class PageRequest(NamedTuple):
    """A request as its browser sent it. `target` is the path with its query.

    `cookies` are the values of its Cookie headers, with what a guard outside has withheld: one of another gate of the
    host takes the page cookies of this one out, as it does with every other gate's.
    """

    method: str
    target: str
    headers: Headers
    cookies: list[str]

    @property
    def bearer(self) -> list[str]:
        """Its Authorization headers, if there is a bearer token; a proxy's Basic is none."""
        found = self.headers.all(b"authorization")
        return found if any(each[:7].lower() == "bearer " for each in found) else []


class PageCheck:
    """The check of page tokens for one gate, beside the `check` of its access tokens."""

    def __init__(self, check: Check, of_pages: Check, *, cookies: Cookies, options: Pages) -> None:
        """`of_pages` verifies page tokens and nothing else."""
        self._check = check
        self._of_pages = of_pages
        self._cookies = cookies
        self._options = options

    def principal(
        self, request: PageRequest, scopes: tuple[str, ...] = (), *, max_age: int | None = None, acr: str | None = None
    ) -> Principal:
        """The person, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

        A server that renders may pass the cookie on as a bearer token, and a script may send its access token.
        Raises as `Check.principal` and `Check.require`; PageElsewhere where another page is the answer; Forbidden
        (`page-cookie-reads`) for a page cookie with a method that may change something.
        """
        try:
            found = self._found(request)
        except Unauthenticated as refusal:
            raise self._instead(request, refusal) from None
        return self._check.require(found, scopes, max_age=max_age, acr=acr)

    def optional(self, request: PageRequest) -> Principal | None:
        """The person, or None for one who is signed out. Raises as `principal`."""
        try:
            return self._found(request)
        except Unauthenticated:
            if request.bearer:
                raise
            if not self._cookies.names_session(request.cookies) or self._cookies.was_resumed(request.cookies):
                return None
            if request.method not in READING or not is_navigation(request.headers):
                raise
            raise self._resume(request, is_optional=True) from None

    def _found(self, request: PageRequest) -> Principal:
        bearer = request.bearer
        if bearer and not is_page_token(bearer_of(bearer)):
            return self._check.principal(bearer)
        tokens = bearer or [f"Bearer {text}" for text in self._cookies.read_page(request.cookies)]
        if not tokens:
            raise TokenRequired
        if request.method not in READING:
            raise Forbidden(
                ProblemCode.PAGE_COOKIE_READS,
                f"A page cookie opens pages for GET and HEAD, and nothing that may change something, such as "
                f"{request.method}: send the access token, Authorization: Bearer <token>.",
            )
        if bearer:
            return self._of_pages.principal(bearer)
        for token in tokens[:-1]:  # several of one name: over plain http alone, where there is no prefix
            try:
                return self._of_pages.principal([token])
            except InvalidToken:
                continue
        return self._of_pages.principal(tokens[-1:])

    def _instead(self, request: PageRequest, refusal: Unauthenticated) -> Unauthenticated | PageElsewhere:
        """What a person gets in place of a refusal."""
        if request.bearer or request.method not in READING or not is_navigation(request.headers):
            return refusal
        if self._cookies.names_session(request.cookies):
            if self._cookies.was_resumed(request.cookies):
                return Unauthenticated(ProblemCode.PAGE_COOKIE_LOST, _LOST)
            return self._resume(request)
        location = self._options.sign_in(request.target)
        return refusal if location is None else PageElsewhere(ProblemCode.SIGN_IN_REQUIRED, "Sign in first.", location)

    def _resume(self, request: PageRequest, *, is_optional: bool = False) -> PageElsewhere:
        location = self._options.resume(request.target, is_optional=is_optional)
        return PageElsewhere(ProblemCode.PAGE_RESUMES, "The browser refreshes its session and comes back.", location)


def pages_of(check: Check) -> PageCheck:
    """The check of page cookies. Raises ConfigurationError for a gate without them."""
    if check.pages is None:
        raise ConfigurationError(
            "A route asks for the person of a page, and this gate has no page cookies: set GATEPASS_PAGES=on, or give "
            "the gate pages=Pages()."
        )
    return check.pages
