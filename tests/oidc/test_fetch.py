"""Requests to a provider are bounded, and a bound is given back however a request ends."""

import threading

import pytest

from gatepass.errors import Overloaded, ProviderFailed
from gatepass.oidc.fetch import MAX_AT_ONCE, Fetcher
from gatepass.outgoing import RemoteUrl


async def test_a_process_without_threads_left_refuses_and_asks_again_when_it_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetcher, nowhere = Fetcher("acme"), RemoteUrl("http://127.0.0.1:9/", purpose="a test")

    def full(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        for _ in range(MAX_AT_ONCE + 1):
            with pytest.raises(Overloaded):
                await fetcher.document(nowhere)
    with pytest.raises(ProviderFailed):
        await fetcher.document(nowhere)
