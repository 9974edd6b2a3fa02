"""Headers of an answer that no clock can read: they are as if they were not there."""

import httpx2
import pytest

from gatepass.client import Retry
from tests.client.fake_api import Api, problem, signed_in

ODD = ["Thu, 01 Jan 99999999999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +9999999999999999", "soon", "-1"]


@pytest.mark.parametrize("name", ["Retry-After", "Date"])
@pytest.mark.parametrize("text", ODD)
def test_a_refresh_and_a_call_go_on(name: str, text: str) -> None:
    api = Api()
    head = {"Retry-After": "0", name: text}
    once = iter([problem(503, "unavailable", head)])
    api.refreshing = lambda _request: next(once, None)
    calls = iter([httpx2.Response(503, headers=head)])
    api.answering = lambda _request: next(calls, None)
    with api.client(storage=signed_in(expired=True), retry=Retry(initial_wait=0, max_wait=0)) as client:
        assert client.get("/notes").status_code == 200
    assert (len(api.refreshes), len(api.calls)) == (2, 2)
