"""A call that wants a second factor (RFC 9470), the step that answers it, and the call once more."""

import pickle
import time

import httpx2
import pytest

from gatepass.client import AsyncClient, Client, GatepassAuth, StepUpRequiredError, raise_for_problem
from gatepass.client.errors import ForbiddenError, SessionEndedError, UnauthenticatedError, problem_of
from gatepass.testing import totp_code
from tests.client.fake_api import URL, Api, age_token, problem
from tests.client.harness import PASSWORD, Harness

CODES = "/auth/recovery-codes"
"""A call that wants a session of several factors, of an account that has them."""


def enrolled(api: Client, email: str) -> str:
    """Sign up and add an authenticator app; its secret. The session stays one of a password alone."""
    api.sign_up(email, PASSWORD)
    secret: str = api.post("/auth/totp", json={}).json()["secret"]
    api.post("/auth/totp/confirm", json={"code": totp_code(secret)})
    return secret


def test_the_error_says_what_is_asked_for_and_a_code_answers_it(real: Harness) -> None:
    with Client(real.url, raise_errors=True) as api:
        secret = enrolled(api, "step@example.com")
        before = api.session.session_id
        real.proxy.exchanges.clear()
        with pytest.raises(StepUpRequiredError) as asked:
            api.post(CODES, json={})
        assert (asked.value.acr_values, asked.value.max_age) == (("mfa",), 600)
        assert (real.proxy.count(CODES), real.proxy.count("/auth/refresh")) == (1, 0)

        step = api.step_up()
        assert (set(step.methods), step.expires_in) == ({"totp", "recovery"}, 300)
        assert step.ticket not in repr(step)
        with pytest.raises(UnauthenticatedError, match="invalid-code"):
            api.sign_in_by_code(step.ticket, "000 000")
        api.sign_in_by_code(step.ticket, totp_code(secret, at=int(time.time()) + 30))
        assert api.session.session_id != before
        assert len(api.post(CODES, json={}).json()["recovery_codes"]) == 10


async def test_an_async_client_steps_up_by_a_recovery_code(real: Harness) -> None:
    async with AsyncClient(real.url, raise_errors=True) as api:
        await api.sign_up("async-step@example.com", PASSWORD)
        secret = (await api.post("/auth/totp", json={})).json()["secret"]
        confirmed = await api.post("/auth/totp/confirm", json={"code": totp_code(secret)})
        with pytest.raises(StepUpRequiredError):
            await api.post(CODES, json={})
        step = await api.step_up()
        await api.sign_in_by_code(step.ticket, confirmed.json()["recovery_codes"][0], method="recovery")
        assert (await api.post(CODES, json={})).status_code == 200


def test_an_account_without_a_second_factor_and_a_client_without_an_account_are_told_so(real: Harness) -> None:
    gate = GatepassAuth(f"{real.url}/auth")
    with pytest.raises(SessionEndedError):
        gate.step_up()
    with Client(real.url, session=gate.session) as api:
        api.sign_up("one@example.com", PASSWORD)
    with pytest.raises(ForbiddenError, match="no-second-factor"):
        gate.step_up()


def test_a_token_that_is_refused_meanwhile_is_renewed_first(real: Harness) -> None:
    with Client(real.url, raise_errors=True) as api:
        enrolled(api, "late-step@example.com")
        age_token(api.session, token="ey.of.yesterday")
        assert "totp" in api.step_up().methods


@pytest.mark.parametrize(
    ("challenge", "acr_values", "max_age"),
    [
        ('Bearer error="insufficient_user_authentication", acr_values="mfa phr", max_age="300"', ("mfa", "phr"), 300),
        ("Bearer realm=x, error=insufficient_user_authentication, max_age=60", (), 60),
        ('Bearer error="insufficient_user_authentication", max_age="soon"', (), None),
    ],
)
def test_a_server_that_says_it_in_the_challenge_alone_is_understood(
    challenge: str, acr_values: tuple[str, ...], max_age: int | None
) -> None:
    """RFC 9470 §3 has no document."""
    request = httpx2.Request("GET", f"{URL}/pay")
    error = problem_of(httpx2.Response(401, headers={"WWW-Authenticate": challenge}, request=request))
    assert isinstance(error, StepUpRequiredError)
    assert (error.acr_values, error.max_age) == (acr_values, max_age)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.acr_values, again.max_age) == (StepUpRequiredError, acr_values, max_age)


def test_another_refusal_is_none() -> None:
    api = Api()
    api.answering = lambda _request: problem(401, "insufficient", {"WWW-Authenticate": 'Bearer error="other"'})
    with api.client() as client, pytest.raises(UnauthenticatedError) as refused:
        raise_for_problem(client.get("/pay"))
    assert type(refused.value) is UnauthenticatedError
