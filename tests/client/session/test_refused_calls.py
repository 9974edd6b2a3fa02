"""A refused call: when it is sent again, with which token, and which answers are passed on."""

import threading
import time
from dataclasses import replace

import httpx2
import pytest

from gatepass.client import MemoryStorage
from gatepass.client.errors import SessionEndedError
from gatepass.client.session.endpoints import Grant, answer_of, read_grant
from gatepass.client.storage.record import SessionRecord
from tests.client.fake_api import Api, age_token, refused
from tools.services.patience import PATIENCE


def test_a_401_for_a_young_token_is_passed_on() -> None:
    api = Api()
    api.answering = lambda _request: refused()
    with api.client(storage=MemoryStorage()) as client:
        client.session._saved.open()
        client.session._saved.begin(_grant(api), SessionRecord())
        assert client.get("/x").status_code == 401
    assert api.refreshes == []


def _grant(api: Api) -> Grant:
    grant = read_grant(answer_of(api.grant(), sent_at=time.monotonic() + PATIENCE))
    assert grant is not None
    return grant


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(401),
        httpx2.Response(401, json={"code": "invalid-credentials"}),
        httpx2.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'}),
        httpx2.Response(401, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}),
        httpx2.Response(
            401,
            headers={"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="300"'},
            json={"code": "insufficient-user-authentication", "max_age": 300},
        ),
        httpx2.Response(
            401,
            headers={"WWW-Authenticate": 'Bearer error="insufficient_user_authentication", acr_values="mfa"'},
            json={"code": "insufficient-user-authentication", "acr_values": "mfa"},
        ),
        httpx2.Response(401, json=["invalid-token"]),
        httpx2.Response(403, json={"code": "invalid-token"}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text}{answer.headers.get('WWW-Authenticate', '')}",
)
def test_answers_that_are_not_about_the_token_are_passed_on(answer: httpx2.Response) -> None:
    api = Api()
    api.answering = lambda _request: answer
    with api.client() as client:
        age_token(client.session)
        assert client.get("/x").status_code == answer.status_code
    assert api.refreshes == []


def test_a_late_401_is_answered_with_the_newer_token_and_no_second_refresh() -> None:
    api = Api()
    slow, fast = threading.Event(), threading.Event()

    def answering(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path == "/slow" and request.headers["Authorization"] == "Bearer ey.worn":
            slow.set()
            assert fast.wait(PATIENCE)
        return None

    api.answering = answering
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        statuses: list[int] = []
        late = threading.Thread(target=lambda: statuses.append(client.get("/slow").status_code))
        late.start()
        assert slow.wait(PATIENCE)
        assert client.get("/fast").status_code == 200
        fast.set()
        late.join()
    assert statuses == [200]
    assert len(api.refreshes) == 1


def test_what_was_sent_for_one_user_is_never_sent_again_for_another() -> None:
    api = Api()
    with api.client() as client:
        age_token(client.session, token="ey.worn")

        def change(_request: httpx2.Request) -> httpx2.Response:
            client.session._saved.begin(replace(_grant(api), sid="cd" * 16), SessionRecord())
            return refused()

        api.answering = change
        with pytest.raises(SessionEndedError):
            client.get("/x")
    assert len(api.calls) == 1


def test_a_request_object_sent_twice_gets_the_token_of_its_time() -> None:
    api = Api()
    with api.client() as client:
        request = client.build_request("GET", "/x")
        assert client.send(request).status_code == 200
        age_token(client.session, left=-1)
        assert client.send(request).status_code == 200
        assert request.headers["Authorization"] == "Bearer ey.1"
        client.sign_out()
        assert client.send(request).status_code == 401
        assert "Authorization" not in api.calls[-1].headers


def test_an_authorization_of_the_users_own_wins() -> None:
    api = Api()
    with api.client() as client:
        client.get("/x", headers={"Authorization": "Bearer own"})
        client.get("/x", auth=("a", "b"))
        client.get("/x", auth=None)
        client.get("https://c:d@api.example.com/x")
        client.auth = ("e", "f")
        client.get("/x")
    assert not [call for call in api.calls if "ey." in call.headers.get("Authorization", "")]
    assert api.refreshes == []
