"""Crash reports show local variables: none of ours holds a password, a token, a mailed link or a key."""

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.serializer import serialize

from gatepass.accounts.passwords.hashing import Argon2Hasher
from gatepass.core.keyring import Secrets
from gatepass.errors import StoreUnavailable
from gatepass.server import endpoints
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.redis.store import RedisStore
from tests.support.asgi import Answer, call
from tests.support.browser import Browser
from tests.support.factors import App
from tests.support.frames import Frames
from tests.support.gates import OTHER_SECRET, SECRET, open_gate
from tests.support.mail import Post, post
from tests.support.person import Person
from tests.support.provider import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, Provider, callback

PASSWORD, NEXT = "canary-Zq7 pass phrase of Ann", "canary-Zq7 next pass phrase"
EMAIL, OTHER, THIRD, LAST = "ann@example.com", "ann@other.example", "bob@example.com", "eve@example.com"
FEED = OTHER_SECRET


class Walk:
    """Calls every endpoint at least once, and collects the secrets that it sent and got."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.ann = Browser(post.at.gate.asgi)
        self.secrets = {SECRET, FEED, PASSWORD, NEXT}
        self.called: set[tuple[str, str]] = set()

    async def run(self) -> None:
        ann = self.ann
        await self.send("POST", "/register", {"email": EMAIL, "password": PASSWORD})
        await self.send("POST", "/verify/resend", {"email": EMAIL})
        link = await self.link()
        await self.send("POST", "/verify", {"token": link, "password": PASSWORD})
        for _ in range(2):
            await self.send("POST", "/refresh", headers=ann.refresh_headers())
        await self.send("POST", "/password", {"current": PASSWORD, "new": NEXT})
        await self.send("POST", "/password/forgot", {"email": EMAIL})
        await self.send("POST", "/password/reset", {"token": await self.link(), "new": PASSWORD})
        await self.send("POST", "/login", {"email": EMAIL, "password": NEXT})
        await self.send("POST", "/login", {"email": EMAIL, "password": PASSWORD})
        await self.send("POST", "/email", {"email": OTHER, "password": PASSWORD})
        await self.send("POST", "/email/confirm", {"token": await self.link()})
        await self.send("GET", "/sessions")
        await self.send("GET", "/me")
        await self.links()
        await self.factors()
        await self.send("DELETE", f"/sessions/{'0' * 32}")
        await self.send("GET", "/identities")
        await self.send("DELETE", f"/identities/{'0' * 32}")
        await self.send("POST", "/logout-others")
        await self.send("POST", "/logout-all")
        await self.send("POST", "/logout")
        await self.send("POST", "/login", {"email": OTHER, "password": PASSWORD})
        await self.send("DELETE", "/account", {"password": PASSWORD})
        await self.send("POST", "/register", {"email": LAST, "password": PASSWORD})
        await self.send("POST", "/verify", {"token": await self.link(), "password": PASSWORD})
        await self.send("POST", "/account/delete", {"password": PASSWORD})
        await self.at_a_provider()
        for path in ("/jwks.json", "/openapi.json", "/gatepass.js"):
            await self.send("GET", path)

    async def at_a_provider(self) -> None:
        """There and back, by a link and by a form."""
        at = self.post.at
        person = Person(at.gate.asgi)
        with Provider(at.clock.now) as provider:
            at.gate.oidc("acme", **provider.options)
            sign = provider.sign
            provider.sign = lambda claims: self.noted(sign(claims))
            for form in (False, True):
                await person.open("/oidc/acme/start")
                location = (await person.start()).json()["location"]
                back = provider.answer(location)
                self.secrets |= {back["code"], ACCESS_TOKEN, CLIENT_SECRET}
                path, _, query = callback("acme", back).partition("?")
                answer = await person.open(path if form else f"{path}?{query}", form=query.encode() if form else None)
                assert answer.one("location") == "/"
                self.secrets.add(provider.forms[-1]["code_verifier"])
            told = self.noted(sign({"iss": provider.issuer, "aud": CLIENT_ID, "sub": provider.subject}))
            await person.open("/oidc/acme/back-channel-logout", form=f"logout_token={told}".encode())
        paths = ("start", "callback")
        self.called |= {(method, f"/oidc/{{name}}/{path}") for method in ("GET", "POST") for path in paths}
        self.called.add(("POST", "/oidc/{name}/back-channel-logout"))

    def noted(self, secret: str) -> str:
        self.secrets.add(secret)
        return secret

    async def send(
        self, method: str, path: str, body: object = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> Answer:
        ann = self.ann
        headers = [("gatepass-client", "1"), *([ann.bearer] if ann.access_token else []), *headers]
        answer = await ann.send(method, path, body=body, headers=headers)
        shown = {"sessions": "/sessions/{sid}", "identities": "/identities/{id}"}
        self.called.add((method, shown[path.split("/")[1]] if path.count("/") == 2 and "0" * 32 in path else path))
        self.secrets |= {text for text in (ann.jar.get(ann.rt_name), ann.access_token) if text}
        return answer

    async def links(self) -> None:
        """Links to paths of the application."""
        body, headers = {"paths": ["/files/7"]}, [("gatepass-client", "1"), self.ann.bearer]
        answer = await self.ann.send("POST", "/links", body=body, headers=headers)
        self.called.add(("POST", "/links"))
        self.secrets |= {link.partition("=")[2] for link in answer.json()["links"]}

    async def factors(self) -> None:
        """An authenticator app from its secret to its end, and each second step."""
        setup = (await self.send("POST", "/totp")).json()
        app = App(self.post.at, App.secret_of(setup["secret"]))
        self.secrets |= {setup["secret"], setup["uri"]}
        self.note_codes(await self.send("POST", "/totp/confirm", {"code": app.shown()}))
        await self.send("GET", "/factors")
        stepped = (await self.send("POST", "/step-up")).json()
        await self.send("POST", "/login/totp", {"ticket": self.noted(stepped["ticket"]), "code": app.code()})
        (code, *_) = self.note_codes(await self.send("POST", "/recovery-codes"))
        asked = (await self.send("POST", "/login", {"email": OTHER, "password": PASSWORD})).json()
        await self.send("POST", "/login/recovery", {"ticket": self.noted(asked["ticket"]), "code": code})
        for path in ("/login/ticket", "/login/enrol", "/login/enrol/confirm"):
            await self.send("POST", path, {"ticket": asked["ticket"], "code": code})
        again = (await self.send("POST", "/login", {"email": OTHER, "password": PASSWORD})).json()
        lost = {"ticket": self.noted(again["ticket"])}
        await self.send("POST", "/login/factor-recovery", lost)
        link = {"token": await self.link()}
        await self.send("POST", "/login/factor-recovery/complete", lost | link)
        await self.send("POST", "/factor-recovery/cancel", link)
        await self.send("DELETE", "/factor-recovery")
        assert (await self.send("DELETE", "/totp")).status == 204

    def note_codes(self, answer: Answer) -> list[str]:
        """The recovery codes of an answer."""
        codes: list[str] = answer.json()["recovery_codes"]
        self.secrets |= set(codes)
        return codes

    async def link(self) -> str:
        """The token of the newest mail."""
        token = await self.post.token()
        self.secrets.add(token)
        return token


async def test_no_local_variable_of_an_endpoint_or_of_what_it_calls_shows_a_secret() -> None:
    with Frames() as frames:
        async with post(secrets=Secrets([SECRET], feed=[FEED])) as sent:
            walk = Walk(sent)
            await walk.run()
            feed = ("authorization", f"Bearer {FEED}")
            with pytest.raises(AssertionError):  # the stream has no end
                await call(sent.at.gate.asgi, "GET", "/revocations", headers=[feed], disconnect=True)
    assert walk.called == {(endpoint.method, endpoint.path) for endpoint in endpoints.DESCRIBED}
    assert len(walk.secrets) > 15
    assert len(frames.called) > 30, "the calls of stores, clock, hasher and mailer were watched"
    assert frames.holding(walk.secrets) == []


async def test_the_watch_sees_a_secret_in_a_local_variable() -> None:
    """A watch that cannot see proves nothing."""
    async with open_gate() as at:
        with Frames() as frames:
            await at.gate.accounts.clear_failures("canary-Zq7")
    assert "gatepass.accounts.credentials.Credentials.clear_failures: email_key" in " ".join(
        frames.holding({"canary-Zq7"})
    )


async def test_no_crash_report_of_an_unexpected_error_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    async with post(secrets=Secrets([SECRET], feed=[FEED])) as sent:
        walk = Walk(sent)
        await walk.run()
        await walk.send("POST", "/register", {"email": THIRD, "password": PASSWORD})
        await walk.send("POST", "/verify", {"token": await walk.link(), "password": PASSWORD})

        setup = (await walk.send("POST", "/totp")).json()
        app = App(sent.at, App.secret_of(setup["secret"]))
        walk.secrets |= {setup["secret"], setup["uri"]}
        (recovery, *_) = walk.note_codes(await walk.send("POST", "/totp/confirm", {"code": app.shown()}))
        asked = (await walk.send("POST", "/login", {"email": THIRD, "password": PASSWORD})).json()
        ticket, code = walk.noted(asked["ticket"]), app.code()

        async def fail(verb: str) -> None:
            raise RuntimeError(verb)

        sent.at.store.before = fail
        caplog.clear()
        await walk.send("POST", "/refresh", headers=walk.ann.refresh_headers())
        await walk.send("POST", "/login", {"email": EMAIL, "password": PASSWORD})
        await walk.send("POST", "/password", {"current": PASSWORD, "new": NEXT})
        await walk.send("POST", "/password/forgot", {"email": EMAIL})
        await walk.send("POST", "/email", {"email": OTHER, "password": PASSWORD})
        await walk.send("GET", "/sessions")
        await walk.send("POST", "/logout")
        await walk.send("DELETE", "/account", {"password": PASSWORD})
        await walk.send("POST", "/login/totp", {"ticket": ticket, "code": code})
        await walk.send("POST", "/login/recovery", {"ticket": ticket, "code": recovery})
        await walk.send("POST", "/totp")
        sent.at.store.before = None
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info and record.exc_info[1]]
    assert len(errors) == 11, "each of them was an error that nothing expected"
    reports = [*map(with_locals, errors), *map(sent_to_sentry, errors)]
    assert all("principal" in report or "request" in report for report in reports), "local variables were captured"
    shown = walk.secrets | {repr(code)}  # with its quotes: six digits stand in many numbers
    assert [secret for secret in shown if any(secret in report for report in reports)] == []


async def test_a_hasher_that_fails_shows_no_password() -> None:
    class Full:
        def hash(self, _password: str) -> str:
            raise MemoryError("no memory")

        def verify(self, _hash: str, _password: str) -> bool:
            raise MemoryError("no memory")

    hasher = Argon2Hasher(threads=1)
    stored = await hasher.hash(PASSWORD)
    hasher._argon2 = Full()  # type: ignore[assignment]
    for failing in (hasher.hash(PASSWORD), hasher.verify(stored, PASSWORD)):
        with pytest.raises(MemoryError) as caught:
            await failing
        assert PASSWORD not in of_ours(caught.value)
        assert "secret = <secret>" in of_ours(caught.value)


@pytest.mark.parametrize(
    "store",
    [
        lambda: PostgresStore(f"postgresql://gate:{PASSWORD}@127.0.0.1:1/app".replace(" ", "%20")),
        lambda: RedisStore(f"redis://gate:{PASSWORD}@127.0.0.1:1/0".replace(" ", "%20")),
    ],
    ids=["postgres", "redis"],
)
async def test_a_store_that_cannot_be_reached_shows_no_password(store: Callable[[], Any]) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await store().open()
    assert caught.value.__cause__ is not None, "the reason is kept"
    report = of_ours(caught.value) + with_locals(caught.value.__cause__)
    assert PASSWORD not in report
    assert PASSWORD.replace(" ", "%20") not in report


def with_locals(error: BaseException) -> str:
    """As rich, Django and the standard library show an error."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def of_ours(error: BaseException) -> str:
    """The same, without the functions of the test."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in report.stack if "/tests/" not in frame.filename]
    report.stack = traceback.StackSummary.from_list(ours)
    return "".join(report.format())


def sent_to_sentry(error: BaseException) -> str:
    """As Sentry's client sends it, with all local variables."""
    event, _hint = sentry_sdk.utils.event_from_exception(error, client_options=DEFAULT_OPTIONS)
    return str(serialize({**event}))
