"""The stages of a refresh: for each the function of the server that does it, with what it gets, and its floor.

One refresh goes through the server, and what came and went is kept: the request, the token, the grant. The rows call
the same functions with these again and again. Those that change something get something new each time.
"""

import base64
import copy
import hashlib
import hmac
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httptools

from benchmarks import _in_place as in_place
from benchmarks._in_process import Line, Server
from gatepass.core import refresh_token
from gatepass.core.access_token import sign
from gatepass.core.event import SessionRefreshed
from gatepass.core.keyring import SigningKey
from gatepass.core.rotation import expected_swap
from gatepass.core.strict_json import dump
from gatepass.runtime.event_log import EventLog
from gatepass.server.app import ServedApp
from gatepass.server.context import Context
from gatepass.server.cookies.refresh_cookie import choose, read_proof
from gatepass.server.http import Reply, Request
from gatepass.server.sign_in.sign_in import grant_json
from gatepass.sessions.tokens import Grant
from gatepass.wire import bodies
from gatepass.wire.asgi import Message, Receive, Scope, Send

CALLS = 64
"""Calls of one stage in a round."""
_GREASE = re.compile(rb"gatepass_8000=([^;]+)")


@dataclass(frozen=True, slots=True)
class Stage:
    """One row. `act` does it CALLS times, None if not alone. `without` names rows that are a part of it."""

    name: str
    act: Callable[[], object] | None
    floor: Callable[[], object] | None = None
    without: tuple[str, ...] = ()


def again(call: Callable[[], object]) -> Callable[[], object]:
    """The call, CALLS times."""

    def act() -> None:
        for _ in range(CALLS):
            call()

    return act


def run(coroutine: Coroutine[Any, Any, object]) -> None:
    """To its end, of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise SystemExit("a stage waits, and cannot be measured this way")


async def _take_nothing(_: Message) -> None:
    pass


class Exchange:
    """One refresh: its scope, what the application sent, and the values on the way."""

    scope: Scope
    receive: Receive

    def __init__(self, server: Server) -> None:
        self.parts: Any = server.gate._parts
        self.context: Any = self.parts._context
        self.served: Any = server.gate.served
        self.messages: list[Message] = []

    async def happen(self, line: Line) -> None:
        """Let the next refresh of a line go through the real protocol and the real application."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async def keep(message: Message) -> None:
                self.messages.append(message)
                await send(message)

            self.scope, self.receive = scope, receive
            await self.served(scope, receive, keep)

        self.raw = line.request()
        over = Line(app)
        over.give(self.raw)
        line.take(await over.answer())
        self.request = Request(self.scope, self.receive)
        presented = self.context.refresh_cookies.present(self.request)
        self.token, self.key = presented.token, presented.key
        self.session = await self.parts.options.store.find(self.token.sid)
        self.now: int = self.context.clock.now()
        self.grant: Grant = await self.parts._refreshes._tokens.successor(
            self.session, self.token, key=self.key, now=self.now
        )


def stages(one: Exchange, log: EventLog) -> Sequence[Stage]:
    """All rows that need no store, in the order in which a refresh meets them."""
    return [*_arriving(one), *_checks(one), *_tokens(one), *_answering(one, log)]


def _arriving(one: Exchange) -> list[Stage]:
    headers = list(one.scope[in_place.HEADERS])
    trivial = _with_handler(one)
    return [
        Stage(in_place.CONNECTION, None, _parsed(one.raw)),
        Stage(in_place.HEADERS, again(partial(Request, one.scope, one.receive)), again(partial(dict, headers))),
        Stage(
            in_place.ASGI,
            again(lambda: run(trivial(dict(one.scope), one.receive, _take_nothing))),
            without=(in_place.HEADERS, in_place.CROSS_SITE, in_place.HEAD),
        ),
        Stage(
            in_place.CROSS_SITE,
            again(partial(one.parts.origins.check, one.request.headers)),
            again(partial(one.request.headers._values.get, b"sec-fetch-site")),
        ),
    ]


def _with_handler(one: Exchange) -> ServedApp:
    """The application with an endpoint that does nothing: what is left is the way there and back."""
    reply = Reply(200, b"{}")

    async def nothing(_context: Context, _request: Request) -> Reply:
        return reply

    auth = copy.copy(one.served._auth)
    methods = auth._paths["/refresh"]
    auth._paths = {**auth._paths, "/refresh": {"POST": replace(methods["POST"], handler=nothing)}}
    return ServedApp(auth, around=auth)


def _checks(one: Exchange) -> list[Stage]:
    context, request, token, keys = one.context, one.request, one.token, one.parts._ring
    received = context.refresh_cookies.received(request)
    sid, proof = token.sid.hex(), read_proof(request.headers)
    cookie = request.headers.all(b"cookie")[0].encode()
    text = received[0].text.reveal()[6:].encode()
    raw = base64.urlsafe_b64decode(text + b"==")

    def counted() -> None:
        context.limiter.refresh(token.sid, context.ip_prefix(request))

    def mac() -> None:
        body = base64.urlsafe_b64decode(text + b"==")
        hmac.compare_digest(keys.current.mac.digest(body[:-32]), body[-32:])
        hashlib.sha256(raw[:85]).digest()

    def proof_alone() -> None:
        hmac.digest(raw[:32], raw[:90], "sha256")
        keys.current.pad.digest(raw[:16])

    def proven() -> None:
        refresh_token.proven_key(token, keys, read_proof(request.headers))

    assert proof is not None
    assert refresh_token.proven_key(token, keys, proof) is not None
    return [
        Stage(
            in_place.COOKIES_IN,
            again(partial(context.refresh_cookies.received, request)),
            again(partial(_GREASE.search, cookie)),
        ),
        Stage(in_place.TOKEN, again(partial(choose, received, keys, expected_sid=sid)), again(mac)),
        Stage(in_place.PROOF, again(proven), again(proof_alone)),
        Stage(in_place.LIMITS, again(counted), again(lambda: dict.fromkeys((sid, "203.0.113.0/24")))),
        Stage(
            in_place.SWAP,
            again(partial(expected_swap, token, binding=token.binding, now=one.now, ip_prefix="203.0.113.0/24")),
        ),
    ]


def _tokens(one: Exchange) -> list[Stage]:
    keys, token, session, now = one.parts._ring, one.token, one.session, one.now
    key: SigningKey = one.parts.keys.current[0]
    claims = one.parts._issuer.claims(session, token_id="x" * 22, now=now, expires_at=now + 300, extra={})
    message = key.header + b"." + base64.urlsafe_b64encode(dump(claims))
    private: Any = key

    def next_token() -> None:
        made = refresh_token.successor_of(
            token, keys, generation=token.generation + 1, binding_key=one.key, entropy=b"", now=now, expires_at=now + 9
        )
        refresh_token.compose(made, keys)

    def next_alone() -> None:
        keys.current.pad.digest(hashlib.sha256(bytes(85)).digest())
        base64.urlsafe_b64encode(keys.current.mac.digest(bytes(113)) + bytes(113))

    def its_claims() -> None:
        one.parts._issuer.claims(session, token_id="x" * 22, now=now, expires_at=now + 300, extra={})

    return [
        Stage(in_place.NEXT, again(next_token), again(next_alone)),
        Stage(in_place.CLAIMS, again(its_claims), again(partial(dict, claims))),
        Stage(in_place.CLAIMS_JSON, again(partial(dump, claims)), again(partial(dump, claims))),
        Stage(
            in_place.SIGNATURE,
            again(partial(sign, claims, key)),
            again(partial(private.sign, message)),
            without=(in_place.CLAIMS_JSON,),
        ),
    ]


def _answering(one: Exchange, log: EventLog) -> list[Stage]:
    grant, session = one.grant, one.session
    start = one.messages[0]
    sid, account = session.sid.hex(), session.account_id

    def event() -> SessionRefreshed:
        return SessionRefreshed(
            at=one.now, address="203.0.113.0/24", account_id=account, sid=sid, generation=7, case="advance"
        )

    happened = event()

    def journal() -> None:
        for _ in range(CALLS):
            log(happened)
        log.flush()

    def line() -> bytes:
        return b'{in_place.EVENT:"session_renewed","at":%d,"account_id":"%s","sid":"%s"}\n' % (
            one.now,
            b"a" * 26,
            b"b" * 32,
        )

    cookies = one.context.refresh_cookies.issue(grant)
    body = bodies.dump(grant_json(grant))
    reply = Reply(200, body, cookies=cookies)
    extra = one.parts.origins.cors(one.request.headers)
    head = b"".join(b"%s: %s\r\n" % pair for pair in start[in_place.HEADERS])

    return [
        Stage(in_place.EVENT, again(event), again(partial(tuple, (one.now, account, sid)))),
        Stage(in_place.JOURNAL, journal, again(line)),
        Stage(
            in_place.COOKIES_OUT,
            again(partial(one.context.refresh_cookies.issue, grant)),
            again(lambda: f"{sid}={grant.text}; Path=/"),
        ),
        Stage(
            in_place.BODY, again(lambda: bodies.dump(grant_json(grant))), again(lambda: b'{"access_token":"%s"}' % body)
        ),
        Stage(in_place.HEAD, again(lambda: run(reply.send(_take_nothing, extra=extra)))),
        Stage(in_place.WIRE, None, again(lambda: b"HTTP/1.1 200 OK\r\n%s\r\n%s" % (head, body))),
    ]


def _parsed(raw: bytes) -> Callable[[], object]:
    """The floor of a connection: httptools, and the headers kept."""

    class Kept:
        def on_header(self, name: bytes, value: bytes) -> None:
            headers.append((name, value))

        def on_url(self, url: bytes) -> None: ...

        def on_message_complete(self) -> None: ...

    headers: list[tuple[bytes, bytes]] = []
    parser = httptools.HttpRequestParser(Kept())

    def act() -> None:
        for _ in range(CALLS):
            headers.clear()
            parser.feed_data(raw)

    return act
