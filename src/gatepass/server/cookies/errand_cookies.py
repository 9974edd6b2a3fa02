"""Sign-ins that are under way at a provider: begun with a cookie, taken up and deleted at the callback.

The names of the cookies follow those of the others (`wire.cookie_names`), so that two gates on one host do not meet;
their path is always `/`, as `__Host-` asks.

The ticket of a sign-in that needs a second step goes the same way: the page that the browser is sent to asks for it,
and no address ever has it.
"""

from collections.abc import Sequence

from gatepass.core import base64url
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.sealed import NONCE_BYTES
from gatepass.core.secret import Secret
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.oidc import errand as errands
from gatepass.oidc.errand import Errand
from gatepass.oidc.options import Provider
from gatepass.oidc.return_to import with_news
from gatepass.ports import Clock, Entropy
from gatepass.server.http import Request
from gatepass.wire.asgi import reclaim
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import Origins, origin_of
from gatepass.wire.return_to import is_safe

VERIFIER_BYTES = 32
SECOND_STEP = "second-step"
"""By what the cookie of a ticket is named, in the place of a state. Another errand deletes it: it is the newer one."""


class ErrandCookies:
    """The errands of one gate in the cookies of a browser."""

    def __init__(
        self, cookies: Cookies, *, public_url: str, origins: Origins, keys: KeyRing, clock: Clock, entropy: Entropy
    ) -> None:
        self._cookies = cookies
        self._public_origin = origin_of(public_url)
        self._origins = origins
        self._keys = keys
        self._clock = clock
        self._entropy = entropy

    def may_return_to(self, text: str) -> bool:
        """Whether the browser may be sent there after the errand."""
        return is_safe(text, origins=self._origins.own | self._origins.foreign)

    def absolute(self, return_to: str) -> str:
        """The address of a page where the browser may go, for a provider that sends it there."""
        return self._public_origin + return_to if return_to.startswith("/") else return_to

    def told(self, address: str) -> str:
        """The address of a page, for a redirect that begins a session: a page of another host is told to ask for it."""
        return with_news(address, api=self._public_origin)

    def begin(
        self,
        request: Request,
        provider: Provider,
        *,
        return_to: str,
        remember: bool,
        binding_key: BindingKey | None = None,
        replaces: Sequence[str] = (),
        link: str | None = None,
        session: str | None = None,
        max_age: int | None = None,
    ) -> tuple[Errand, list[str]]:
        """An errand, and the Set-Cookie values that go with it; what the browser carries too much of expires."""
        errand = Errand(
            provider=provider.name,
            state=self._random(errands.STATE_BYTES),
            nonce=self._random(errands.STATE_BYTES),
            verifier=self._random(VERIFIER_BYTES),
            redirect_uri=provider.redirect_uri or self._callback(request, provider),
            return_to=return_to,
            remember=remember,
            expires_at=self._clock.now() + errands.TTL,
            binding_key=binding_key,
            replaces=replaces,
            link=link,
            session=session,
            max_age=max_age,
        )
        old = errands.surplus(self._carried(request), self._keys, now=self._clock.now())
        name = self._cookies.errand_name(errands.key_of(errand.state.reveal()))
        nonce = self._entropy.token_bytes(NONCE_BYTES)
        fresh = self._cookies.errand(
            name,
            errands.seal(errand, self._keys, nonce=nonce, name=name),
            max_age=errands.TTL,
            cross_site=provider.response_mode == "form_post",
        )
        return errand, [*(self._cookies.errand(each, "", max_age=0) for each in old), fresh]

    def take(self, request: Request, state: str, *, provider: str) -> tuple[Errand | None, list[str]]:
        """The errand that an answer with this state is for, and the Set-Cookie values that delete its cookie.

        None if this browser carries none, or one for another provider. It may have expired.
        """
        name = self._cookies.errand_name(errands.key_of(state))
        texts = [text for carried, text in self._carried(request) if carried == name]
        found = [errand for text in texts if (errand := errands.unseal(text, self._keys, name=name)) is not None]
        gone = [self._cookies.errand(name, "", max_age=0)] if texts else []
        mine = [errand for errand in found if errand.has_state(state) and errand.provider == provider]
        return (mine[0] if mine else None), gone

    def keep_ticket(self, ticket: str) -> str:
        """The Set-Cookie value that keeps a ticket until the page asks for it."""
        return self._cookies.errand(self._cookies.errand_name(SECOND_STEP), ticket, max_age=TICKET_TTL)

    def take_ticket(self, request: Request) -> tuple[Secret | None, list[str]]:
        """The ticket that this browser carries, and the Set-Cookie values that delete its cookie."""
        name = self._cookies.errand_name(SECOND_STEP)
        texts = [Secret(text) for carried, text in self._carried(request) if carried == name]
        return (texts[0], [self._cookies.errand(name, "", max_age=0)]) if texts else (None, [])

    def _callback(self, request: Request, provider: Provider) -> str:
        """Where the provider sends the browser back to: at the public URL, under either of its names on a loopback."""
        host = request.headers.one(b"host")
        here = [origin for origin in self._origins.own if origin.partition("://")[2] == host]
        return f"{here[0] if here else self._public_origin}{request.mount}/oidc/{provider.name}/callback"

    def _carried(self, request: Request) -> Sequence[tuple[str, str]]:
        return self._cookies.read_errands(reclaim(request.scope, request.headers))

    def _random(self, count: int) -> Secret:
        return Secret(base64url.encode(self._entropy.token_bytes(count)))
