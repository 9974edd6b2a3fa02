"""Origins and hosts: which are this machine, and how those with umlauts are spelt."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.wire.headers import Headers
from gatepass.wire.origin import Origins, foreign_origin, is_loopback, origin_of
from tests.support.browser import PASSWORD, Browser
from tests.support.mail import post


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://LOCALHOST:8000/auth",
        "http://127.0.0.1:8000",
        "http://127.1.2.3",
        "http://[::1]:8000",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_localhost_and_loopback_addresses_are_this_machine(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.1",
        "http://localhost.evil.example",
        "http://evil.localhost",
        "http://localhost@evil.example",
        "http://[::2]",
        "http://0.0.0.0",
        "http://",
    ],
)
def test_every_other_name_and_address_is_another_machine(url: str) -> None:
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_host_with_umlauts_is_compared_as_browsers_send_it(text: str, origin: str) -> None:
    assert origin_of(text) == origin
    assert foreign_origin(text) == origin
    sent = Headers([(b"gatepass-client", b"1"), (b"origin", origin.encode())])
    Origins.of("https://api.example", [text]).check(sent)
    Origins.of(text, []).check(sent)


@pytest.mark.parametrize("text", ["https://bücher.example/", "https://bücher.example?x", "https://*.bücher.example"])
def test_an_allowed_origin_with_umlauts_has_nothing_but_its_host_either(text: str) -> None:
    with pytest.raises(ConfigurationError):
        foreign_origin(text)


async def test_the_whole_gate_speaks_of_its_host_as_browsers_do() -> None:
    async with post(public_url="https://bücher.example") as sent:
        browser = Browser(sent.at.gate.asgi, origin="https://xn--bcher-kva.example")
        assert (await browser.register()).status == 202
        (mail,) = await sent.mails()
        assert "https://xn--bcher-kva.example/verify#token=" in mail.text
        token = await sent.token()
        assert (await sent.ask("/verify", {"token": token, "password": PASSWORD}, browser=browser)).status == 201
        principal = sent.at.gate.check.principal([browser.bearer[1]])
        assert principal.claims["iss"] == "https://xn--bcher-kva.example"
