"""Which hosts are this machine, where plain http is fit for development."""

import pytest

from gatepass.wire.origin import is_loopback


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
