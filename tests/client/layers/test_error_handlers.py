"""Typed errors and handlers by status."""

import pickle

import httpx2
import pytest

from gatepass.client import AsyncClient
from gatepass.client.errors import (
    BadRequestError,
    ClientError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    NotReplayableError,
    ProblemError,
    RefreshUnavailableError,
    ServerError,
    SessionEndedError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
    raise_for_problem,
)
from tests.client.fake_api import URL, Api, problem, signed_in

KINDS = {
    400: BadRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    418: ProblemError,
    422: UnprocessableError,
    429: TooManyRequestsError,
    500: ServerError,
    503: UnavailableError,
}
SECRET = "canary-Zq7"


def answer(given: httpx2.Response) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = f"{URL.replace('://', f'://user:{SECRET}@')}/x?q={SECRET}#{SECRET}"
    given.request = httpx2.Request("POST", url, headers=headers, content=SECRET)
    return given


@pytest.mark.parametrize("status", KINDS)
def test_each_status_has_its_error_and_all_are_httpx_errors(status: int) -> None:
    with pytest.raises(httpx2.HTTPStatusError) as raised:
        raise_for_problem(answer(problem(status, "some-code", {"Retry-After": "3"}, detail="Why.", fact=7)))
    error = raised.value
    assert type(error) is KINDS[status]
    assert isinstance(error, ProblemError)
    assert (error.status, error.code, error.detail, error.facts) == (status, "some-code", "Why.", {"fact": 7})
    assert error.retry_after == 3
    assert str(error) == f"some-code: Why. ({status})"


def test_an_answer_that_is_no_problem_document_has_its_status() -> None:
    with pytest.raises(ServerError, match=r"Bad Gateway \(502\)") as raised:
        raise_for_problem(answer(httpx2.Response(502, html="<h1>sorry</h1>")))
    assert (raised.value.code, raised.value.detail, raised.value.facts) == (None, None, {})
    assert raise_for_problem(answer(httpx2.Response(302))).status_code == 302


@pytest.mark.parametrize(
    "error",
    [
        SessionEndedError("expired", "ab" * 16),
        RefreshUnavailableError(2.5),
        NotReplayableError(answer(httpx2.Response(401))),
        NotFoundError(answer(problem(404, "not-found", detail="Nothing here.", fact=7)), attempts=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickle_and_leave_secrets_behind(error: ClientError) -> None:
    text = pickle.dumps(error)
    again = pickle.loads(text)
    assert type(again) is type(error)
    assert str(again) == str(error)
    for name in ("reason", "session_id", "retry_after", "status", "code", "facts", "attempts"):
        assert getattr(again, name, None) == getattr(error, name, None)
    assert SECRET.encode() not in text
    assert SECRET not in str(error) + repr(error)


def test_a_handler_sees_its_status_once_and_the_narrower_one_is_called() -> None:
    api, seen = Api(), []
    with api.client() as client:

        @client.on_error("5xx")
        def failed(error: ServerError) -> None:
            seen.append(("5xx", error.status))

        client.on_error(503, lambda error: seen.append(("503", error.status)))
        for status in (500, 503, 404):
            api.answering = lambda _request, status=status: httpx2.Response(status)
            assert client.get("/x").status_code == status
        client.on_error(404, lambda _error: httpx2.Response(200, text="instead"))
        assert client.get("/x").text == "instead"
        recovered = client.get("/x")
        assert (recovered.url.path, recovered.elapsed.total_seconds()) == ("/x", 0), "as of any other response"
        with pytest.raises(ValueError, match="400 to 599"):
            client.on_error(200, print)
    assert seen == [("5xx", 500), ("503", 503)]


async def test_an_async_client_awaits_handlers_and_raises() -> None:
    api, seen = Api(), []
    api.answering = lambda _request: problem(429, "slow-down", {"Retry-After": "9"})

    async def later(error: TooManyRequestsError) -> None:
        seen.append(error.retry_after)

    async with AsyncClient(URL, transport=api, storage=signed_in(), raise_errors=True, retry=None) as client:
        client.on_error(429, later)
        with pytest.raises(TooManyRequestsError):
            await client.get("/x")
    assert seen == [9.0]
