"""Lost second factors through the Python client: what is sent, and what comes of each answer."""

import json

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, ConflictError, FactorRecovery, NotFoundError, UnprocessableError

JSON = "application/problem+json"


def answers(*queue: tuple[int, object]) -> tuple[httpx2.MockTransport, list[tuple[str, str, object]]]:
    """A server that gives these answers, and what it was sent."""
    left, sent = list(queue), []

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content) if request.content else None
        sent.append((request.method, request.url.path, body))
        status, facts = left.pop(0)
        if facts is None:
            return httpx2.Response(status)
        return httpx2.Response(status, json=facts, headers={"content-type": JSON} if status > 299 else {})

    return httpx2.MockTransport(answer), sent


TIMES = {"requested_at": 1, "ready_at": 2, "ends_at": 3}
EARLY = {"code": "recovery-not-ready", "title": "Conflict", "detail": "x", "status": 409, "ready_at": 2}


def test_it_is_asked_for_completed_and_cancelled() -> None:
    gone = {"code": "not-found", "title": "x", "detail": "x", "status": 404}
    bad = {"code": "invalid-link", "title": "x", "detail": "x", "status": 422}
    transport, sent = answers((202, TIMES), (409, EARLY), (204, None), (422, bad), (404, gone))
    with Client("https://api.example.com", transport=transport) as api:
        assert api.start_factor_recovery("gp_st_x") == FactorRecovery(1, 2, 3)
        with pytest.raises(ConflictError) as early:
            api.complete_factor_recovery("gp_st_x", "gp_fr_x")
        assert early.value.facts["ready_at"] == 2
        api.cancel_factor_recovery("gp_fr_x")
        with pytest.raises(UnprocessableError):
            api.cancel_factor_recovery("gp_fr_y")
        with pytest.raises(NotFoundError):
            api.cancel_factor_recovery()
    assert [(method, path) for method, path, _ in sent] == [
        ("POST", "/auth/login/factor-recovery"),
        ("POST", "/auth/login/factor-recovery/complete"),
        ("POST", "/auth/factor-recovery/cancel"),
        ("POST", "/auth/factor-recovery/cancel"),
        ("DELETE", "/auth/factor-recovery"),
    ]
    assert sent[0][2] == {"ticket": "gp_st_x"}
    completed = sent[1][2]
    assert isinstance(completed, dict)
    assert (completed["ticket"], completed["token"]) == ("gp_st_x", "gp_fr_x")


async def test_the_async_client_has_it_too() -> None:
    transport, sent = answers((202, TIMES), (409, EARLY), (204, None))
    async with AsyncClient("https://api.example.com", transport=transport) as api:
        assert (await api.start_factor_recovery("gp_st_x")).ready_at == 2
        with pytest.raises(ConflictError):
            await api.complete_factor_recovery("gp_st_x", "gp_fr_x")
        await api.cancel_factor_recovery("gp_fr_x")
    assert len(sent) == 3
