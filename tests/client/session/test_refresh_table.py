"""The vectors of contract/: what both clients and the server agree on to the letter."""

import datetime
import email.utils
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gatepass.client import retry_after
from gatepass.client.errors import RefreshUnavailableError, SessionEndedError
from gatepass.client.retry_after import read_retry_after, retry_after_of
from gatepass.client.session import access_token, refresh, session, token_source
from gatepass.client.session.cookies import exclude_own_cookies
from gatepass.client.session.endpoints import answer_of, outcome_of, proof_of, secret_of
from gatepass.client.storage.record import MAX_MISSING, SessionRecord
from tests.client.fake_api import CHALLENGE, KEY, RT, SID, Api, problem, signed_in

FOLDER = Path(__file__).resolve().parents[3] / "contract"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def named(vector: dict[str, Any]) -> str:
    return str(vector.get("name") or vector.get("text") or vector.get("url"))


@pytest.mark.parametrize("vector", read("binding_proofs.json"), ids=named)
def test_the_proof(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(vector["key"])
    assert proof_of(key, vector["sid"], vector["generation"], vector["challenge"]) == vector["header"]
    assert secret_of(SessionRecord(binding_key=key)).reveal() == vector["binding_secret"]


@pytest.mark.parametrize("vector", read("refresh_outcomes.json"), ids=named)
def test_what_an_answer_to_a_refresh_means(vector: dict[str, Any]) -> None:
    body = vector["body"]
    content = b"" if body is None else json.dumps(body).encode()
    answer = httpx2.Response(vector["status"], content=content)
    outcome = outcome_of(answer_of(answer, sent_at=0.0), vector["sid"])
    expected = vector["outcome"]
    assert outcome.kind == expected["kind"]
    if "lifetime_s" in expected:
        assert outcome.grant is not None
        assert (outcome.grant.generation, outcome.grant.lifetime) == (expected["generation"], expected["lifetime_s"])
    elif "generation" in expected:
        assert (outcome.mark and outcome.mark[0]) == expected["generation"]
    assert "reason" not in expected or outcome.reason == expected["reason"]


@pytest.mark.parametrize("vector", read("refresh_schedule.json")["retry_after"], ids=named)
def test_what_retry_after_means(vector: dict[str, Any]) -> None:
    now = datetime.datetime.fromisoformat(vector["now"]).timestamp()
    seconds = read_retry_after(vector["text"], now=now)
    assert (None if seconds is None else seconds * 1000) == vector["wait_ms"]


def test_a_date_to_wait_for_counts_from_the_date_of_its_answer() -> None:
    """A machine whose clock is a year ahead still waits; one whose clock is behind does not wait for a year."""
    headers = {"Date": "Tue, 01 Mar 2022 08:00:00 GMT", "Retry-After": "Tue, 01 Mar 2022 08:00:07 GMT"}
    assert retry_after_of(httpx2.Response(503, headers=headers)) == 7
    late = {**headers, "Retry-After": "Tue, 01 Mar 2022 07:59:00 GMT"}
    assert retry_after_of(httpx2.Response(503, headers=late)) is None
    in_an_hour = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
    without = retry_after_of(httpx2.Response(503, headers={"Retry-After": in_an_hour}))
    assert without is not None
    assert 0 < without <= 3600


def test_the_schedule_is_that_of_the_contract() -> None:
    schedule = read("refresh_schedule.json")
    superseded, transient = schedule["superseded"], schedule["transient"]
    assert superseded["max_attempts"] == refresh.MAX_ATTEMPTS
    assert [wait * 1000 for wait in refresh.MOVED_WAIT] == superseded["moved"]["wait_ms"]
    assert [wait * 1000 for wait in refresh.NOT_MOVED_WAIT] == superseded["not_moved"]["wait_ms"]
    assert transient["initial_wait_ms"] == [token_source.INITIAL_BACKOFF * 500, token_source.INITIAL_BACKOFF * 1000]
    assert transient["max_wait_ms"] == token_source.MAX_BACKOFF * 1000
    assert transient["factor"] == 2
    assert retry_after.MAX_RETRY_AFTER * 1000 == 3_600_000
    assert schedule["margin"]["default_ms"] == session.MARGIN * 1000
    assert schedule["margin"]["max_of_life"] == "1/3"
    assert schedule["young_token_ms"] == access_token.GRACE_PERIOD * 1000


@pytest.mark.parametrize("vector", read("state_cookies.json")["names"], ids=named)
def test_neither_of_the_cookies_gets_into_a_jar(vector: dict[str, Any]) -> None:
    jar = httpx2.Cookies()
    exclude_own_cookies(jar.jar)
    exclude_own_cookies(jar.jar)
    state = vector["names"]
    refresh = [name.replace("_state", "").replace("__Host-", "__Host-Http-") for name in state]
    pathed = [name.replace("__Host-Http-", "__Secure-") for name in refresh]
    headers = [("Set-Cookie", f"{one}=x; Path=/; Secure") for one in (*state, *refresh, *pathed, "own")]
    jar.extract_cookies(httpx2.Response(200, headers=headers, request=httpx2.Request("GET", "https://localhost/")))
    assert [cookie.name for cookie in jar.jar] == ["own"]


def test_a_superseded_token_is_followed_at_once_with_the_cookies_that_came() -> None:
    api = Api()

    def newer(request: httpx2.Request) -> httpx2.Response | None:
        if len(api.refreshes) > 2:
            return None
        cookie = f"{RT}=gp_rt_successor{len(api.refreshes)}; Path=/; Secure; HttpOnly"
        mark = {"refresh_generation": len(api.refreshes), "refresh_challenge": f"challenge-{len(api.refreshes)}"}
        return problem(409, "refresh-superseded", {"Set-Cookie": cookie}, **mark)

    api.refreshing = newer
    with api.client(storage=signed_in(expired=True)) as client:
        client.get("/x")
        assert client.session.status == "active"
    presented = [request.headers["Cookie"].partition("=")[2] for request in api.refreshes]
    assert presented == ["gp_rt_0", "gp_rt_successor1", "gp_rt_successor2"]
    proofs = [request.headers["Gatepass-Proof"] for request in api.refreshes]
    challenges = (CHALLENGE, "challenge-1", "challenge-2")
    assert proofs == [proof_of(KEY, SID, generation, challenge) for generation, challenge in enumerate(challenges)]
    assert {request.headers["Gatepass-Session"] for request in api.refreshes} == {SID}


def test_a_superseded_token_is_followed_twenty_times_and_then_degraded_until_the_state_changes() -> None:
    api = Api()

    def newer(_request: httpx2.Request) -> httpx2.Response:
        number = len(api.refreshes)
        return problem(409, "refresh-superseded", refresh_generation=number, refresh_challenge=f"{number:011}")

    api.refreshing = newer
    with api.client(storage=signed_in(expired=True)) as client:
        with pytest.raises(RefreshUnavailableError):
            client.get("/x")
        assert len(api.refreshes) == 20
        assert client.session.status == "degraded"
        with pytest.raises(RefreshUnavailableError):
            client.get("/x")
        assert len(api.refreshes) == 20


@pytest.mark.parametrize(
    "answer",
    [
        problem(401, "session-ended"),
        problem(401, "session-ended", sid="ff" * 16),
        problem(401, "no-session"),
        problem(409, "session-mismatch"),
        problem(400, "invalid-proof"),
        problem(429, "too-many-attempts"),
        httpx2.Response(500),
        httpx2.Response(200, html="<h1>Welcome to our hotel</h1>"),
        httpx2.Response(302, headers={"Location": "https://hotel.example/"}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:40]}",
)
def test_whatever_does_not_end_this_very_session_keeps_it(answer: httpx2.Response) -> None:
    api = Api()
    api.refreshing = lambda _request: answer
    storage = signed_in(expired=True)
    with api.client(storage=storage) as client:
        with pytest.raises(RefreshUnavailableError):
            client.get("/x")
        assert (client.session.status, storage.load().sid) == ("degraded", SID)


@pytest.mark.parametrize(("code", "status"), [("no-session", 401), ("session-ended", 401)])
def test_a_cookie_that_is_none_three_times_over_a_minute_is_gone_for_good(
    code: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, storage, now = Api(), signed_in(expired=True), time.time()
    api.refreshing = lambda _request: problem(status, code)
    monkeypatch.setattr("gatepass.client.session.persistence.time", type("Clock", (), {"time": lambda: now}))
    for seconds in (0, 20, 39):
        now += seconds
        with api.client(storage=storage) as program, pytest.raises(RefreshUnavailableError):
            program.get("/x")
        assert storage.load().sid == SID
    now += 2
    with api.client(storage=storage) as program, pytest.raises(SessionEndedError) as raised:
        program.get("/x")
    assert (raised.value.reason, storage.load()) == ("unknown", SessionRecord())


def test_a_session_of_the_first_version_is_said_to_have_ended_at_once_and_once() -> None:
    api, storage = Api(), signed_in(expired=True)
    api.refreshing = lambda _request: problem(401, "session-ended")
    first = replace(storage.load(), challenge=None, binding_key=None, is_bound=False, missing=(MAX_MISSING, 0.0))
    storage.save(first)
    with api.client(storage=storage) as program:
        with pytest.raises(SessionEndedError) as raised:
            program.get("/x")
        assert raised.value.reason == "unknown"
        assert program.get("/x").status_code == 401
    assert len(api.refreshes) == 1


def test_session_ended_for_this_session_ends_it_and_forgets_all() -> None:
    api = Api()
    api.refreshing = lambda _request: problem(401, "session-ended", sid=SID, reason="expired")
    storage = signed_in(expired=True)
    with api.client(storage=storage) as client, pytest.raises(SessionEndedError) as raised:
        client.get("/x")
    assert raised.value.reason == "expired"
    assert storage.load() == SessionRecord()
