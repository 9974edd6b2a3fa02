"""A service that knows only a JWKS URL refuses what the guards of the gate refuse."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gatepass.access.asgi import current_principal
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.keyring import SigningKey
from gatepass.errors import InvalidToken, Unavailable
from gatepass.wire.asgi import Receive, Scope, Send
from tests.core.attack_tokens import cases
from tests.core.token_forge import accepted
from tests.remote.jwks_server import Published, publish
from tests.remote.keys import NEW, OLD, STRANGE, Make, ask, document, forge, holds
from tests.support.asgi import call
from tests.support.gates import NOW
from tools.services.patience import PATIENCE, until


class TestTokens:
    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
    def test_what_the_gates_own_verifier_refuses_is_refused(self, remote: Make, algorithm: Any) -> None:
        key = SigningKey.from_secret(bytes(range(32)), algorithm)
        with publish(document(key)) as server:
            gate = remote(server.url)
            for name, token in accepted(forge(key)):
                assert holds(gate, token), name
            # Spaces around a token are the header's (RFC 9110 §11.4), not part of it.
            attacks = [attack for attack in cases(forge(key)) if attack.token == attack.token.strip(" ")]
            held = [str(attack) for attack in attacks if holds(gate, attack.token)]
            assert held == []
            assert server.asked == 1, "no token makes it ask anybody anything"

    def test_every_published_key_counts_and_no_other(self, remote: Make) -> None:
        gate = remote()
        assert holds(gate, forge(OLD).token())
        assert holds(gate, forge(NEW).token())
        assert not holds(gate, forge(STRANGE).token())

    def test_a_list_of_revocations_ends_sessions_here_too(self, remote: Make) -> None:
        revoked = RevokedSessions(retention=900)
        gate = remote(revocations=revoked)
        with pytest.raises(Unavailable):
            ask(gate, forge(OLD).token())
        revoked.load([])
        assert holds(gate, forge(OLD).token())
        revoked.publish([bytes.fromhex("f" * 32)])
        assert not holds(gate, forge(OLD).token())

    def test_an_epoch_ends_the_sessions_of_before_it_here_too(self, remote: Make) -> None:
        revoked = RevokedSessions(retention=900)
        gate = remote(revocations=revoked)
        revoked.raise_epoch(NOW)
        with pytest.raises(InvalidToken):
            ask(gate, forge(OLD).token(auth_time=NOW - 1))
        revoked.load([])
        assert not holds(gate, forge(OLD).token(auth_time=NOW - 1))
        assert holds(gate, forge(OLD).token(auth_time=NOW))
        assert holds(gate, forge(OLD).token(auth_time=NOW - 1, begun_at=NOW)), "authenticated elsewhere before that"


class TestFetching:
    def test_any_number_of_requests_ask_once(self, remote: Make, published: Published) -> None:
        gate = remote()
        for number in range(100):
            assert holds(gate, forge(OLD).token(jti=f"jti-{number}"))
        assert published.asked == 1

    def test_a_hundred_unknown_kids_ask_once_in_a_cooldown(self, remote: Make, published: Published) -> None:
        gate = remote(cooldown=3600.0, max_staleness=1e9)
        assert holds(gate, forge(OLD).token())
        for number in range(100):
            key = SigningKey.from_secret(bytes(range(number, number + 32)), "ES256")
            assert not holds(gate, forge(key).token())
        assert published.asked == 1
        gate._follower._good_at = gate._follower._hinted_at = time.monotonic() - 3000
        assert not holds(gate, forge(STRANGE).token())
        assert published.asked == 1
        gate._follower._good_at = gate._follower._hinted_at = time.monotonic() - 3600
        for _ in range(100):
            assert not holds(gate, forge(STRANGE).token())
        published.wait_for(2)
        until(lambda: gate._follower._good_at > time.monotonic() - PATIENCE)
        assert published.asked == 2

    def test_a_key_that_is_newer_than_the_set_is_learned_of(self, remote: Make, published: Published) -> None:
        gate = remote(cooldown=0.0)
        assert not holds(gate, forge(STRANGE).token())
        published.document = document(OLD, NEW, STRANGE)
        until(lambda: holds(gate, forge(STRANGE).token()))

    def test_a_removed_key_is_refused_from_the_next_refresh_on(self, remote: Make, published: Published) -> None:
        gate = remote(refresh=0.05)
        old, new = forge(OLD).token(), forge(NEW).token()
        assert holds(gate, old)
        assert holds(gate, new)
        published.document = document(NEW)
        until(lambda: not holds(gate, old))
        assert holds(gate, new)

    def test_a_key_that_is_exchanged_under_its_kid_counts_no_longer(self, remote: Make, published: Published) -> None:
        published.document = document(OLD)
        gate = remote(refresh=0.05)
        token = forge(OLD).token()
        assert holds(gate, token)
        assert OLD.jwk is not None
        assert NEW.jwk is not None
        published.document = json.dumps({"keys": [{**NEW.jwk, "kid": OLD.kid}]}).encode()
        until(lambda: not holds(gate, token))

    def test_an_empty_set_refuses_every_token(self, remote: Make, published: Published) -> None:
        gate = remote(refresh=0.05)
        assert holds(gate, forge(OLD).token())
        published.document = document()
        until(lambda: not holds(gate, forge(OLD).token()))

    def test_an_issuer_that_is_down_changes_nothing_until_patience_ends(
        self, remote: Make, published: Published
    ) -> None:
        gate = remote(refresh=0.05, max_staleness=3600.0)
        token = forge(OLD).token()
        assert holds(gate, token)
        published.respond = lambda handler: handler.send_error(503)
        published.wait_for(published.asked + 2)
        assert holds(gate, token)
        assert holds(gate, forge(OLD).token(jti="another"))
        gate._follower._good_at -= 3601
        for old in (token, forge(OLD).token(jti="a third")):
            with pytest.raises(Unavailable, match="too old"):
                ask(gate, old)
        published.respond = None
        gate._follower.hint()
        until(lambda: gate._follower._good_at > time.monotonic() - PATIENCE)
        assert holds(gate, token)

    def test_the_first_request_waits_a_bounded_moment_and_the_next_ones_not(
        self, remote: Make, published: Published, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatepass.remote.connection.FIRST_LOAD_TIMEOUT", 0.2)
        released = threading.Event()

        def hang(_handler: BaseHTTPRequestHandler) -> None:
            released.wait(PATIENCE)

        published.respond = hang
        gate = remote()
        with pytest.raises(Unavailable, match="not loaded yet"):
            ask(gate, forge(OLD).token())
        waits: list[float] = []
        monkeypatch.setattr(gate._follower._thread.signals.loaded, "wait", waits.append)
        for _ in range(50):
            with pytest.raises(Unavailable, match="not loaded yet"):
                ask(gate, forge(OLD).token())
        assert max(waits) < 0.1, "the moment is over"
        published.respond = None
        released.set()
        until(lambda: gate._follower._keys is not None)
        assert holds(gate, forge(OLD).token())

    async def test_the_lifespan_loads_before_the_first_request(self, remote: Make) -> None:
        gate = remote()
        async with gate.running():
            assert gate._follower._keys is not None


async def test_it_guards_an_asgi_application_as_a_gatepass_does(remote: Make, published: Published) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        caller = current_principal(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps([caller.session_id]).encode()})

    gate = remote()
    async with gate.running():
        guarded = gate.guard(app)
        good = [("authorization", f"Bearer {forge(OLD).token()}")]
        assert (await call(guarded, "GET", "/", headers=good)).json() == ["f" * 32]
        assert (await call(guarded, "GET", "/")).code == "token-required"
        published.respond = lambda handler: handler.send_error(500)
        await asyncio.sleep(0)
        assert (await call(guarded, "GET", "/", headers=good)).status == 200
