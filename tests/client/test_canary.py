"""Known secrets walk through every sink that the client has, and none of them shows one."""

import io
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console

from gatepass.client import AsyncClient, Client, FileStorage
from gatepass.client.flow import drive
from gatepass.client.layers.indicators import spinner
from gatepass.client.layers.loading import Loading
from gatepass.client.layers.otel import otel_layer
from gatepass.client.layers.retry import Budget, Retry
from gatepass.client.layers.sentry import sentry_layer
from gatepass.core import base64url
from tests.client.fake_api import URL, signed_in
from tests.client.harness import Harness
from tests.client.layers.test_sentry import Kept
from tests.support.frames import Frames

PASSWORD = "canary-password-of-some-length"
CANARIES = {
    "password": PASSWORD,
    "header": "canary-header-7d1f",
    "query": "canary-query-91c4",
    "body": "canary-body-55ae",
    "user": "canary-user-url-0b",
}


class Sinks:
    """Everything that could be read afterwards."""

    def __init__(self) -> None:
        self.records = io.StringIO()
        self.console = io.StringIO()
        self.spans = InMemorySpanExporter()
        self.sentry = Kept()
        self.texts: list[str] = []

    def all(self) -> str:
        return "\n".join(
            [
                self.records.getvalue(),
                self.console.getvalue(),
                *(span.to_json() for span in self.spans.get_finished_spans()),
                str(self.sentry.items),
                *self.texts,
            ]
        )


@pytest.fixture
def sinks() -> Iterator[Sinks]:
    made = Sinks()
    handler = logging.StreamHandler(made.records)
    handler.setFormatter(logging.Formatter("%(message)s %(gatepass)s", defaults={"gatepass": ""}))
    handler.addFilter(lambda record: record.name.startswith("gatepass"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    arguments = {"default_integrations": False, "auto_enabling_integrations": False, "traces_sample_rate": 1.0}
    sentry_sdk.init(dsn="https://public@sentry.invalid/1", transport=made.sentry, **arguments)  # type: ignore[arg-type]
    with sentry_sdk.isolation_scope():
        yield made
    sentry_sdk.get_global_scope().set_client(None)
    root.setLevel(before)
    root.removeHandler(handler)


def test_no_secret_shows_in_any_sink(real: Harness, sinks: Sinks, tmp_path: Path) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sinks.spans))
    indicator = spinner(console=Console(file=sinks.console, force_terminal=True))
    client = Client(
        real.url,
        storage=FileStorage(tmp_path / "session.json"),
        retry=Retry(budget=Budget()).without_wait(),
        loading=Loading(indicator, delay=0, minimum=0),
        raise_errors=True,
    )
    client.layers = [sentry_layer(), otel_layer(provider.get_tracer("canary")), *client.layers]
    with client, sentry_sdk.start_transaction(name="all"):
        walk(real, client, sinks)
        found = secrets_of(client)
    sentry_sdk.capture_message("all")
    text = sinks.all()
    assert "/auth/me" in text, "the sinks were read"
    assert [name for name, secret in {**CANARIES, **found}.items() if secret in text] == []


def walk(real: Harness, client: Client, sinks: Sinks) -> None:
    """Sign in, refresh, fail in many ways; note what each object and error says of itself."""
    address = f"canary{id(client)}@example.com"
    client.sign_up(address, PASSWORD)
    client.get("/auth/me", params={"q": CANARIES["query"]}, headers={"X-Key": CANARIES["header"]})
    for attempt in (
        lambda: client.sign_in(address, PASSWORD + "x"),
        lambda: client.get("/auth/nothing", params={"q": CANARIES["query"]}, headers={"X-Key": CANARIES["header"]}),
        lambda: client.post("/auth/nothing", json={"b": CANARIES["body"]}),
        lambda: client.get(f"http://{CANARIES['user']}:pw@127.0.0.1:1/", params={"q": CANARIES["query"]}),
        lambda: client.put("/auth/me", content=iter([CANARIES["body"].encode()])),
    ):
        with pytest.raises(Exception) as raised:
            attempt()
        note(raised.value, sinks)
    client.sign_in(address, PASSWORD)
    for part in (client, client.session, client.session.state, client.session._saved, client._chain, client.loading):
        sinks.texts.append(f"{part!r} {part}")
    sinks.texts.append(repr(client.session._saved.storage.load()))


def test_no_local_variable_shows_a_secret_when_anything_fails(real: Harness, tmp_path: Path) -> None:
    """Sentry, rich and others show local variables of tracebacks."""
    with Frames() as frames:
        seen = everything(real, Client(real.url, storage=FileStorage(tmp_path / "session.json")))
    assert len(frames.called) > 10, "files, sockets and the HTTP client were used"
    assert frames.holding(seen) == []


async def test_nor_does_one_of_the_async_client(real: Harness, tmp_path: Path) -> None:
    address = "canary-frames-async@example.com"
    async with AsyncClient(real.url, storage=FileStorage(tmp_path / "session.json")) as client:
        seen = set()
        with Frames() as frames:
            await client.sign_up(address, PASSWORD)
            seen |= set(secrets_of(client).values())
            await client.get("/auth/me")
            await client.sign_out()
            await client.sign_in(address, PASSWORD)
            seen |= set(secrets_of(client).values())
            await client.sign_out(everywhere=True)
    assert frames.holding(seen | {PASSWORD}) == []


def everything(real: Harness, client: Client) -> set[str]:
    """Sign up, call, refresh, sign out, sign in. Returns the secrets of it."""
    address = f"canary-frames{id(client)}@example.com"
    with client:
        client.sign_up(address, PASSWORD)
        seen = set(secrets_of(client).values())
        client.get("/auth/me")
        drive(client.session.refresh(), client)
        seen |= set(secrets_of(client).values())
        client.sign_out()
        client.sign_in(address, PASSWORD)
        seen |= set(secrets_of(client).values())
        client.sign_out(everywhere=True)
    return seen | {PASSWORD}


@pytest.mark.parametrize("act", ["refresh", "sign-out", "sign-in", "call"])
def test_no_frame_of_the_network_shows_a_secret(act: str) -> None:
    """The transports of httpx keep the headers and the body in local variables."""

    def lose(request: httpx2.Request) -> httpx2.Response:
        headers, body = dict(request.headers), request.read()
        raise httpx2.ConnectError(f"lost {len(headers)} {len(body)}", request=request)

    storage = signed_in(expired=act == "refresh")
    client = Client(URL, transport=httpx2.MockTransport(lose), storage=storage, retry=None)
    with pytest.raises(httpx2.TransportError) as raised:
        match act:
            case "sign-out":
                client.sign_out(everywhere=True)
            case "sign-in":
                client.sign_in("ann@example.com", PASSWORD)
            case _:
                client.get("/orders")
    shown = [text for error in chain_of(raised.value) for text in local_variables(error)]
    assert len(shown) > 10
    assert [text for text in shown if "gp_rt_0" in text or "ey.0" in text or "canary" in text] == []


def test_half_of_a_surrogate_pair_in_a_password_shows_no_more_of_it() -> None:
    client = Client(URL, transport=httpx2.MockTransport(lambda _request: httpx2.Response(500)), retry=None)
    with pytest.raises(UnicodeError) as raised:
        client.sign_in("ann@example.com", "half a pair \ud800")
    assert "half a pair" not in "".join(local_variables(raised.value))


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def local_variables(error: BaseException) -> Iterator[str]:
    for frame, _line in traceback.walk_tb(error.__traceback__):
        if not frame.f_globals["__name__"].startswith("tests.client.test_canary"):
            yield from (f"{frame.f_code.co_qualname} {name} = {value!r}" for name, value in frame.f_locals.items())


def note(error: BaseException, sinks: Sinks) -> None:
    sinks.texts += [repr(error), str(error), "".join(traceback.format_exception_only(error))]
    if not isinstance(error, httpx2.RequestError):  # those of httpx hold the whole request; they are not ours
        sinks.texts.append(str(pickle.dumps(error)))


def secrets_of(client: Client | AsyncClient) -> dict[str, str]:
    record = client.session._saved.storage.load()
    assert record.cookie is not None
    assert record.access_token is not None
    assert record.binding_key is not None
    return {
        "refresh token": record.cookie[1],
        "access token": record.access_token,
        "binding key": record.binding_key.hex(),
        "binding key as sent": base64url.encode(record.binding_key),
        "binding key bytes": repr(record.binding_key)[2:-1],
    }
