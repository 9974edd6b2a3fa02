"""Signing in and up, against the real server."""

import json
import pickle

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, GatepassAuth, MemoryStorage
from gatepass.client.errors import (
    ClientError,
    ForbiddenError,
    SecondFactorRequiredError,
    SessionEndedError,
    UnauthenticatedError,
)
from gatepass.core import base64url
from gatepass.core.binding import key_id_of
from gatepass.errors import ConfigurationError
from tests.client.fake_api import SID, URL, Api, age_token, problem
from tests.client.harness import PASSWORD, Harness


def test_signed_up_then_signed_in_then_calls_bear_the_token(real: Harness) -> None:
    with Client(real.url) as api:
        assert api.session.status == "anonymous"
        account = api.sign_up("new@example.com", PASSWORD)
        assert account is not None
        assert api.get("/auth/me").json()["email"] == account.email == "new@example.com"
    with Client(real.url) as api:
        assert api.sign_in("new@example.com", PASSWORD) == account == api.session.account
        assert api.session.status == "active"
        assert 0 < (api.session.expires or 0) <= 900
        assert api.get("/auth/me").status_code == 200


def test_a_wrong_password_is_a_typed_error_and_no_session(real: Harness) -> None:
    with Client(real.url) as api:
        with pytest.raises(ClientError) as raised:
            api.sign_in("nobody@example.com", PASSWORD)
        assert isinstance(raised.value, httpx2.HTTPStatusError)
        assert raised.value.response.json()["code"] == "invalid-credentials"
        assert api.session.status == "anonymous"
    assert real.proxy.count("/auth/refresh") == 0


def test_the_refresh_cookie_is_kept_from_the_jar_and_from_other_routes(real: Harness) -> None:
    with Client(real.url, cookies={"own": "1"}) as api:
        api.sign_up("jar@example.com", PASSWORD)
        assert [cookie.name for cookie in api.cookies.jar] == ["own"]
        sent = api.get("/auth/me").request.headers
        assert "gp_rt_" not in str(sent.raw)
        assert sent["Cookie"] == "own=1"
        drop = api.post(
            "/auth/login", json={"email": "jar@example.com", "password": PASSWORD}, headers={"Gatepass-Client": "1"}
        )
        assert drop.status_code == 200
        assert [cookie.name for cookie in api.cookies.jar] == ["own"]


def test_a_second_sign_in_ends_the_first_session_at_the_server(real: Harness) -> None:
    storage = MemoryStorage()
    with Client(real.url, storage=storage) as api:
        api.sign_up("twice@example.com", PASSWORD)
        first = storage.load()
        api.sign_in("twice@example.com", PASSWORD)
        assert api.session.session_id != first.sid
        assert storage.load().binding_key != first.binding_key
        answer = httpx2.get(f"{real.url}/auth/me", headers={"Authorization": f"Bearer {first.access_token}"})
        assert answer.status_code == 401


def test_without_an_address_it_says_what_to_give() -> None:
    with Client() as api, pytest.raises(ConfigurationError, match="base_url"):
        api.sign_in("ann@example.com", PASSWORD)


def test_a_password_never_crosses_a_network_in_the_clear() -> None:
    with Client("http://api.example.com") as api, pytest.raises(ConfigurationError, match="not https"):
        api.sign_in("ann@example.com", PASSWORD)


def test_an_address_without_auth_endpoints_is_named() -> None:
    page = httpx2.MockTransport(lambda _request: httpx2.Response(200, html="<p>hello"))
    with Client("https://api.example.com", transport=page) as api, pytest.raises(ClientError, match="/auth/login"):
        api.sign_in("ann@example.com", PASSWORD)


def test_a_lost_network_at_sign_in_is_httpx_own_error(real: Harness) -> None:
    with Client(real.url) as api:
        real.proxy.lose_requests("/auth/login")
        with pytest.raises(httpx2.TransportError):
            api.sign_in("ann@example.com", PASSWORD)
        assert api.session.status == "anonymous"


def test_a_changed_password_ends_every_session_and_begins_one_here(real: Harness) -> None:
    with Client(real.url) as here, Client(real.url) as elsewhere:
        here.sign_up("change@example.com", PASSWORD)
        elsewhere.sign_in("change@example.com", PASSWORD)
        first = here.session.session_id
        with pytest.raises(ForbiddenError) as refused:
            here.change_password("wrong", "eight green bottles on a wall")
        assert refused.value.code == "invalid-credentials"
        age_token(here.session, token="ey.of.yesterday")
        here.change_password(PASSWORD, "eight green bottles on a wall")
        assert here.session.session_id not in (None, first)
        assert here.session._saved.record.is_bound
        age_token(here.session, left=-1)
        assert here.get("/auth/me").status_code == 200
        age_token(elsewhere.session, left=-1)
        with pytest.raises(SessionEndedError):
            elsewhere.get("/auth/me")
        with pytest.raises(SessionEndedError):
            elsewhere.change_password(PASSWORD, "x")


async def test_an_async_client_changes_its_password_too(real: Harness) -> None:
    async with AsyncClient(real.url) as api:
        await api.sign_up("async-change@example.com", PASSWORD)
        await api.change_password(PASSWORD, "eight green bottles on a wall")
        assert (await api.get("/auth/me")).status_code == 200


ACCOUNT = {"id": "cd" * 16, "email": "ann@example.com", "created_at": 1_700_000_000, "email_verified": True}


class TwoSteps(Api):
    """An API at which an account has a second factor."""

    def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        if not request.url.path.startswith("/auth/login"):
            return super()._answer(request, body)
        self.requests.append(request)
        self.bodies.append(body)
        if request.url.path == "/auth/login":
            facts = {"methods": ["totp"], "ticket": "gp_st_x", "expires_in": 300}
            return problem(401, "second-factor-required", {"WWW-Authenticate": "Bearer"}, **facts)
        granted = self.grant()
        sid = key_id_of(base64url.decode(self.secret(-1).encode())).hex() + SID[:16]
        return httpx2.Response(
            200, json={**granted.json(), "session_id": sid, "account": ACCOUNT}, headers=granted.headers
        )

    def secret(self, number: int) -> str:
        return str(json.loads(self.bodies[number])["binding_secret"])


class ByMail(TwoSteps):
    """An API that mails codes."""

    def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        if request.url.path != "/auth/login/mail-code/request":
            return super()._answer(request, body)
        self.requests.append(request)
        self.bodies.append(body)
        return httpx2.Response(200, json={"ticket": "gp_mc_x", "expires_in": 600})


def test_a_first_step_is_an_answer_of_the_sign_in_and_its_session_is_bound_to_its_key() -> None:
    api = TwoSteps()
    with api.client() as client:
        with pytest.raises(SecondFactorRequiredError) as needed:
            client.sign_in("ann@example.com", PASSWORD)
        assert needed.value.code == "second-factor-required"
        assert (needed.value.methods, needed.value.ticket, needed.value.expires_in) == (("totp",), "gp_st_x", 300)
        assert "gp_st_x" not in repr(needed.value) + str(needed.value)
        assert (client.session.status, client.session.session_id) == ("active", SID)
        assert api.refreshes == []
        saved = client.session._saved
        client.sign_in_by_code(needed.value.ticket, "123 456")
        assert json.loads(api.bodies[-1])["code"] == "123456"
        assert api.secret(-1) == api.secret(-2), "the key of the first step"
        assert base64url.encode(saved.record.binding_key or b"") == api.secret(-1)
        with pytest.raises(UnauthenticatedError):
            client.sign_in("ann@example.com", PASSWORD)
        assert api.secret(-1) != api.secret(-2), "another sign-in has a key of its own"


async def test_an_async_client_ends_a_sign_in_with_a_recovery_code() -> None:
    api = TwoSteps()
    async with AsyncClient(URL, transport=api) as client:
        with pytest.raises(SecondFactorRequiredError) as needed:
            await client.sign_in("ann@example.com", PASSWORD)
        await client.sign_in_by_code(needed.value.ticket, "7K3M-Q2VX", method="recovery")
        assert api.requests[-1].url.path == "/auth/login/recovery"
        assert api.secret(-1) == api.secret(-2)


def test_the_error_of_a_first_step_stays_what_it_is_in_another_process() -> None:
    api = TwoSteps()
    with api.client() as client, pytest.raises(SecondFactorRequiredError) as needed:
        client.sign_in("ann@example.com", PASSWORD)
    again = pickle.loads(pickle.dumps(needed.value))
    assert (type(again), again.methods) == (SecondFactorRequiredError, ("totp",))


def test_a_code_by_mail_is_shown_with_the_ticket_and_the_key_of_the_request() -> None:
    api = ByMail()
    with api.client() as client:
        asked = client.request_mail_code("ann@example.com", extra={"captcha": "3"})
        assert (asked.ticket, asked.expires_in) == ("gp_mc_x", 600)
        assert "gp_mc_x" not in repr(asked)
        assert json.loads(api.bodies[-1]) == {
            "captcha": "3",
            "email": "ann@example.com",
            "binding_secret": api.secret(-1),
        }
        assert api.refreshes == []
        again = client.request_mail_code("ann@example.com", again=asked.ticket)
        assert json.loads(api.bodies[-1])["ticket"] == "gp_mc_x"
        assert api.secret(-1) == api.secret(-2), "one request, one key"
        account = client.sign_in_by_mail_code(again.ticket, "7k3m q2vx", remember=False)
        assert account.email == ACCOUNT["email"]
        sent = json.loads(api.bodies[-1])
        assert (sent["ticket"], sent["code"], sent["remember"]) == ("gp_mc_x", "7k3m q2vx", False)
        assert api.secret(-1) == api.secret(-2)
        assert base64url.encode(client.session._saved.record.binding_key or b"") == api.secret(-1)


async def test_an_async_client_and_an_auth_sign_in_by_mail_too() -> None:
    api = ByMail()
    async with AsyncClient(URL, transport=api) as client:
        asked = await client.request_mail_code("ann@example.com")
        assert (await client.sign_in_by_mail_code(asked.ticket, "7K3M-Q2VX")).email == ACCOUNT["email"]
        assert api.secret(-1) == api.secret(-2)
    auth = GatepassAuth(f"{URL}/auth", transport=api)
    assert auth.sign_in_by_mail_code(auth.request_mail_code("ann@example.com").ticket, "7K3M-Q2VX").id == ACCOUNT["id"]


def test_an_address_that_is_no_auth_endpoint_is_said_to_be_none() -> None:
    class Page(ByMail):
        def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
            return httpx2.Response(200, text="<p>Welcome")

    with Page().client() as client, pytest.raises(ClientError, match="did not answer as an auth endpoint"):
        client.request_mail_code("ann@example.com")
