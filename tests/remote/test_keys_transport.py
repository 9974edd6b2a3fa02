"""A service fetches keys from the host that is pinned, over TLS, within bounds, and believes no other document."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.base64url import encode
from gatepass.errors import ConfigurationError, Unavailable
from gatepass.remote import RemoteGate, keys
from tests.remote.jwks_server import Published, certificate, publish
from tests.remote.keys import AUDIENCE, ISSUER, NEW, OLD, Make, ask, document, forge, holds
from tools.services.patience import until


def redirect(handler: BaseHTTPRequestHandler, to: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", to)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, without end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        threading.Event().wait(0.05)


class TestTransport:
    def test_a_redirect_is_not_followed(self, remote: Make, published: Published, caplog: Any) -> None:
        with publish(document(OLD)) as elsewhere:
            published.respond = lambda handler: redirect(handler, elsewhere.url)
            with pytest.raises(Unavailable):
                ask(remote(), forge(OLD).token())
            assert elsewhere.asked == 0
        assert "redirects are not followed" in caplog.text

    def test_an_answer_without_end_is_cut_off(
        self, remote: Make, published: Published, caplog: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keys, "EXCHANGE_TIMEOUT", 0.2)
        published.respond = drip
        gate = remote()
        with pytest.raises(Unavailable):
            ask(gate, forge(OLD).token())
        published.respond = None
        until(lambda: gate._follower._keys is not None)

    def test_an_answer_too_large_is_refused(self, remote: Make, published: Published, caplog: Any) -> None:
        published.document += b" " * keys.MAX_SIZE
        with pytest.raises(Unavailable):
            ask(remote(), forge(OLD).token())
        assert "more than 65536 bytes" in caplog.text

    def test_https_with_a_trusted_certificate_works(self, remote: Make, tmp_path: Path) -> None:
        server, client = certificate(tmp_path)
        with publish(document(OLD), context=server) as secured:
            assert holds(remote(secured.url, context=client), forge(OLD).token())

    @pytest.mark.parametrize("wrong", ["another host's", "an unknown authority's"])
    def test_https_with_any_other_does_not(self, remote: Make, tmp_path: Path, wrong: str) -> None:
        server, client = certificate(tmp_path, "elsewhere.example")
        with publish(document(OLD), context=server) as secured:
            gate = remote(secured.url, context=client if wrong == "another host's" else None)
            with pytest.raises(Unavailable):
                ask(gate, forge(OLD).token())
            assert secured.asked == 0

    @pytest.mark.parametrize(
        "url",
        [
            "http://gate.example/jwks.json",
            "ftp://localhost/jwks.json",
            "/auth/jwks.json",
            "https:///jwks.json",
            "https://ann:secret@gate.example/jwks.json",
            "https://gate.example/jwks.json#x",
        ],
    )
    def test_a_url_that_cannot_be_trusted_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(ConfigurationError) as refused:
            RemoteGate(url, issuer=ISSUER, audience=AUDIENCE)
        assert "secret" not in str(refused.value)


def changed(**members: Any) -> bytes:
    assert OLD.jwk is not None
    jwk = {name: value for name, value in {**OLD.jwk, **members}.items() if value is not ...}
    return json.dumps({"keys": [jwk]}).encode()


class TestKeySets:
    def test_an_odd_set_is_refused_and_the_log_says_why(self, remote: Make, published: Published, caplog: Any) -> None:
        published.document = changed(d=encode(bytes(32)))
        with pytest.raises(Unavailable):
            ask(remote(), forge(OLD).token())
        assert "published with its private" in caplog.text
        assert encode(bytes(32)) not in caplog.text

    def test_an_odd_set_after_a_good_one_changes_nothing(self, remote: Make, published: Published) -> None:
        gate = remote(refresh=0.05)
        assert holds(gate, forge(OLD).token())
        published.document = changed(d="x")
        published.wait_for(published.asked + 2)
        assert holds(gate, forge(OLD).token(jti="another"))
        assert holds(gate, forge(NEW).token())

    def test_members_that_are_not_known_are_ignored(self, remote: Make, published: Published) -> None:
        published.document = changed(x5u="http://127.0.0.1:9/", note="hello", use=...)
        assert holds(remote(), forge(OLD).token())
