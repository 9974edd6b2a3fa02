"""The door: the application has authenticated a person in its own way, and a session begins for its account.

    signed_in = await gate.sign_in(request, account.id, methods=("otp",))
    return signed_in.onto(RedirectResponse("/", 303))

What the application vouches for is the account alone. Everything else is as in `POST /login`: the network and the label
of the client, the sessions that it replaces, the limit per account, the new device, the events.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, TypeVar

from gatepass.access.delivery import DELIVERY, Delivery
from gatepass.accounts.external import AuthenticatedUser
from gatepass.core.account import Account
from gatepass.core.authentication import Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.event import CookiesLost
from gatepass.errors import SignInRefused
from gatepass.server.context import Context
from gatepass.server.door.any_request import handed_over, read_request
from gatepass.server.door.any_response import change_location, put_headers
from gatepass.server.http import NO_STORE, Request
from gatepass.server.sign_in.sign_in import Begun, begin
from gatepass.wire import bodies
from gatepass.wire.asgi import SENDER
from gatepass.wire.origin import Origins

Response = TypeVar("Response")


class SignedIn:
    """A session that has begun. Its cookies must reach the browser: `return signed_in.onto(response)`.

    A session whose cookies were sent with no response is told by the event `session_cookies_lost`.
    """

    def __init__(self, begun: Begun, delivery: Delivery, *, told: Callable[[str], str]) -> None:
        """`told` makes the address of a page one that tells it of the session, where it cannot see for itself."""
        self._begun = begun
        self._delivery = delivery
        self._told = told

    def __repr__(self) -> str:
        return f"<signed in {self.account.id}>"

    def __del__(self) -> None:
        if not (self._delivery.is_put or self._delivery.is_watched):
            self._delivery.close()

    @property
    def account(self) -> Account:
        """The account whose session began."""
        return self._begun.account

    @property
    def session_id(self) -> str:
        """The session, as `principal.session_id` has it."""
        return self._begun.grant.session.sid.hex()

    @property
    def grant(self) -> dict[str, Any]:
        """The JSON body of `POST /login`, for a page that reads it. It has the access token."""
        return self._begun.json()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers for the response, names in lower case: each must be added, none may replace another."""
        self._delivery.is_put = True
        return self._headers()

    def onto(self, response: Response) -> Response:
        """Put the cookies onto the framework's own response, a redirect too, and return it. Send this one.

        Also onto the headers of `start_response`, or the message of an ASGI application. The page of a redirect to
        another host than the API is told to ask for its session, as by `address`. Raises TypeError.
        """
        put_headers(response, self._headers())
        change_location(response, self._told)
        self._delivery.is_put = True
        return response

    def address(self, page: str) -> str:
        """Where to send the browser, if it is sent to a page of another host by other means than `onto`.

        Such a page cannot read the cookies of the API: a parameter tells its client to ask, once.
        """
        return self._told(page)

    def _headers(self) -> list[tuple[str, str]]:
        return [("cache-control", NO_STORE), *(("set-cookie", value) for value in self._begun.cookies)]


class Door:
    """Begins sessions for accounts that the application has authenticated."""

    def __init__(
        self,
        context: Context,
        *,
        origins: Origins,
        report: Callable[[CookiesLost], None],
        home: Callable[[], asyncio.AbstractEventLoop | None],
    ) -> None:
        """`home` returns the running event loop on which the gate is open."""
        self._context = context
        self._origins = origins
        self._report = report
        self._home = home

    def sign_in(
        self,
        request: object,
        account: str | AuthenticatedUser,
        *,
        methods: tuple[str, ...],
        acr: str | None = None,
        auth_time: int | None = None,
        remember: bool = True,
        binding_secret: str | BindingKey | None = None,
        origins: Collection[str] = (),
    ) -> Awaitable[SignedIn]:
        """As `Gatepass.sign_in`. The request is read at once, where it came in; what is awaited needs it no more."""
        key = binding_secret if isinstance(binding_secret, BindingKey | None) else bodies.binding_key(binding_secret)
        del binding_secret  # crash reports show local variables
        how = Authentication(methods, acr, auth_time)
        how.time(self._context.clock.now())
        asked = read_request(request)
        self._refuse(asked, origins)
        watcher = handed_over(request)
        if getattr(watcher.get(SENDER), "has_started", False):
            raise RuntimeError("The head of the response has been sent without the cookies: sign in before that.")
        return self._begin(asked, account, how=how, remember=remember, key=key, watcher=watcher)

    async def _begin(
        self,
        request: Request,
        who: str | AuthenticatedUser,
        *,
        how: Authentication,
        remember: bool,
        key: BindingKey | None,
        watcher: Mapping[str, Any],
    ) -> SignedIn:
        context = self._context
        caller = context.caller(request)
        account = await context.accounts.authenticated(who, ip_prefix=caller.ip_prefix)
        if account is None or account.disabled_at is not None:
            raise SignInRefused
        begun = await begin(
            context,
            request,
            account,
            caller=caller,
            remember=remember,
            binding_key=key,
            how=how,
            is_vouched=isinstance(who, AuthenticatedUser),
        )
        if begun is None:
            raise SignInRefused
        delivery = self._watch(begun, watcher, address=caller.ip_prefix)
        return SignedIn(begun, delivery, told=context.errands.told)

    def _refuse(self, request: Request, origins: Collection[str]) -> None:
        """Raise Forbidden for a page of a foreign origin (`cross-site`), or for plain http where https is due."""
        self._origins.check_source(request.headers, beside=origins)
        if any(own.startswith("https:") for own in self._origins.own):
            self._context.networks.refuse_plain_http(request)

    def _watch(self, begun: Begun, watcher: Mapping[str, Any], *, address: str) -> Delivery:
        sid, account_id, now = begun.grant.session.sid.hex(), begun.account.id, begun.grant.now
        delivery = Delivery(
            begun.cookies[0],
            lost=lambda fix: CookiesLost(at=now, address=address, account_id=account_id, sid=sid, fix=fix),
            tell=self._tell,
        )
        sender = watcher.get(SENDER)
        if sender is not None:
            sender.delivery = delivery
            delivery.is_watched = True
        elif isinstance(watcher, MutableMapping):
            watcher[DELIVERY] = delivery
        return delivery

    def _tell(self, event: CookiesLost) -> None:
        """On the loop of the gate, as all events. No lock: garbage collection may call this anywhere."""
        home = self._home()
        if home is None:
            self._report(event)
        else:
            home.call_soon_threadsafe(self._report, event)
