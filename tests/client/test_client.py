"""`Client` as httpx2's own, its layers, sharing a session, and its secrets."""

import inspect
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from gatepass.client import (
    AsyncClient,
    Client,
    MemoryStorage,
    Session,
    call_options,
    default_layers,
    with_interceptors,
)
from gatepass.client.base import HttpxOptions, OwnOptions
from gatepass.client.errors import ClientError
from gatepass.client.flow import Call, Flow, Layer, Next
from tests.client.fake_api import URL, Api, age_token, problem, signed_in

CANARY = "canary-Zq7-canary-Zq7"


def test_without_a_session_nothing_is_added_to_a_call() -> None:
    api = Api()
    api.answering = lambda _request: httpx2.Response(200)
    with Client(URL, transport=api) as ours, httpx2.Client(base_url=URL, transport=api) as theirs:
        ours.get("/x", params={"a": "1"})
        theirs.get("/x", params={"a": "1"})
    one, other = api.calls
    assert one.headers.raw == other.headers.raw
    assert one.url == other.url


def test_the_arguments_of_httpx2_work() -> None:
    api = Api()
    seen: list[str] = []
    with Client(
        base_url=f"{URL}/v1",
        transport=api,
        storage=signed_in(),
        headers={"X-Own": "1"},
        params={"k": "v"},
        event_hooks={"request": [lambda request: seen.append(str(request.url))]},
        timeout=3,
    ) as client:
        assert client.get("things").status_code == 200
    assert seen == [f"{URL}/v1/things?k=v"]
    assert api.calls[0].headers["X-Own"] == "1"
    assert isinstance(client, httpx2.Client)


@pytest.mark.parametrize("kind", [httpx2.Client, httpx2.AsyncClient, httpx.Client, httpx.AsyncClient])
def test_all_arguments_of_httpx_are_typed_and_none_is_ours(kind: Callable[..., object]) -> None:
    names = inspect.signature(kind).parameters.keys()
    assert HttpxOptions.__optional_keys__ == names - {"base_url"}
    assert not OwnOptions.__optional_keys__ & names


def test_an_unknown_option_is_refused_by_its_name() -> None:
    options: dict[str, Any] = {"retrys": None}
    for kind in (Client, AsyncClient):
        with pytest.raises(TypeError, match="retrys"):
            kind(URL, **options)
    with httpx2.Client() as own, pytest.raises(TypeError, match="retrys"):
        with_interceptors(own, **options)


def test_without_raise_errors_an_error_status_is_an_answer() -> None:
    api = Api()
    api.answering = lambda _request: httpx2.Response(404)
    with api.client() as client:
        assert client.get("/x").status_code == 404
    with api.client(raise_errors=True) as client, pytest.raises(httpx2.HTTPStatusError) as raised:
        client.get("/x")
    assert isinstance(raised.value, ClientError)


def test_clients_share_a_session() -> None:
    api = Api()
    session = Session(f"{URL}/auth", storage=signed_in(expired=True))
    with api.client(session=session) as one, api.client(session=session) as other:
        assert one.get("/x").status_code == other.get("/x").status_code == 200
        one.sign_out()
        assert other.session.status == "ended"
    assert len(api.refreshes) == 1


def test_a_session_and_a_storage_are_one_too_many() -> None:
    with pytest.raises(TypeError, match="the session has its storage"):
        Client(URL, session=Session(f"{URL}/auth"), storage=MemoryStorage())
    with pytest.raises(TypeError, match="on_ended to the session"):
        Client(URL, session=Session(f"{URL}/auth"), on_ended=print)


def test_the_chain_can_be_replaced_and_extended() -> None:
    api, seen = Api(), []

    def counting(call: Call, next_layer: Next) -> Flow:
        response = yield from next_layer(call)
        seen.append((call.attempts, call.refreshed, response.status_code))
        return response

    with api.client() as client:
        client.layers = [counting, *default_layers(client)]
        age_token(client.session, token="ey.worn")
        client.get("/x")
        client.layers = []
        assert client.get("/x").status_code == 401
    assert seen == [(2, True, 200)]


def test_an_idempotency_key_is_one_for_all_attempts_of_a_call_and_no_other() -> None:
    api = Api()
    options = call_options(idempotency_key="auto")
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        for _ in range(2):
            client.post("/x", extensions=options)
        client.post("/x", extensions=options, headers={"Idempotency-Key": "mine"})
        client.post("/x", extensions=call_options(idempotency_key="given"))
    keys = [call.headers["Idempotency-Key"] for call in api.calls]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3:] == ["mine", "given"]
    with pytest.raises(ValueError, match="must not be empty"):
        call_options(idempotency_key=" ")


@pytest.mark.parametrize("none", ["", None])
def test_an_empty_address_of_the_endpoints_counts_as_not_given(none: Any) -> None:
    with Client("https://api.example.com", auth_url=none) as client:
        assert client.session.auth_url == "https://api.example.com/auth"


def test_the_package_works_without_the_clients_extra() -> None:
    without = "import sys; sys.modules['httpx2'] = sys.modules['httpx'] = None"
    code = f"{without}; import gatepass; from gatepass.client import Client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("The client needs its extra: pip install 'gatepass[client]'")
    assert "import gatepass;" in code


def _lost(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("lost", request=request)


def _sign_in(client: Client) -> None:
    client.sign_in("ann@example.com", CANARY)


def _expired(client: Client) -> None:
    age_token(client.session, token=CANARY, left=-1)
    client.get("/x")


@pytest.mark.parametrize("act", [_sign_in, _expired])
@pytest.mark.parametrize(
    "answer", [_lost, lambda _request: problem(503, "overloaded"), lambda _request: problem(401, "x")]
)
def test_no_secret_is_in_an_error_a_log_or_a_repr(
    act: Callable[[Client], None], answer: Callable[[httpx2.Request], httpx2.Response], caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    storage = MemoryStorage()
    kept = replace(signed_in().load(), cookie=("__Host-Http-gatepass", CANARY), access_token=CANARY)
    storage.save(kept)
    transport = httpx2.MockTransport(answer)
    with caplog.at_level(logging.DEBUG), Client(URL, transport=transport, storage=storage) as client:
        with pytest.raises((ClientError, httpx2.HTTPError)) as raised:
            act(client)
        error = raised.value
        shown = [
            repr(client.session),
            repr(client),
            repr(storage),
            repr(kept),
            repr(client.session.state.current),
            caplog.text,
        ]
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    for link in chain:
        if link is None:
            continue
        shown += [str(link), repr(link), "".join(traceback.format_exception_only(link)), repr(vars(link))]
        request = getattr(link, "_request", None)
        shown += [str(request.headers.raw), str(request.content), repr(request.extensions)] if request else []
    shown.append(repr(pickle.loads(pickle.dumps(error))) if isinstance(error, ClientError) else "")
    assert CANARY not in "\n".join(shown)


def test_the_default_order_is_loading_logging_interceptors_errors_retry_session() -> None:
    seen: list[str] = []

    def noting(name: str) -> Layer:
        def layer(call: Call, next_layer: Next) -> Flow:
            seen.append(name)
            return (yield from next_layer(call))

        return layer

    api = Api()
    with api.client(loading=noting("loading"), retry=noting("retry"), raise_errors=True) as client:
        client.interceptors.request.use(lambda _request: seen.append("interceptors"))
        client.interceptors.response.use(None, lambda error: seen.append(type(error).__name__))
        client.on_error(404, lambda error: seen.append(f"errors {error.status}"))
        api.answering = lambda _request: httpx2.Response(404)
        with pytest.raises(httpx2.HTTPStatusError):
            client.get("/x")
    assert seen == ["loading", "interceptors", "retry", "errors 404", "NotFoundError"]
