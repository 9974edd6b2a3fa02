"""A role taken away on one server is refused by the other, in another process, which asks no store for it."""

import asyncio
import base64
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from gatepass.system import new_secret
from tests.support.process import Serving
from tools.services import valkey
from tools.services.patience import until
from tools.services.postgres import new_database, shared_server

pytestmark = pytest.mark.slow

CLIENT = {"Gatepass-Client": "1"}
COMMAND = [sys.executable, "-m", "tests.system.roles.program"]
ROOT = Path(__file__).parents[3]


@dataclass
class Two:
    settings: dict[str, str]
    one: Serving
    other: Serving

    def start_other_again(self) -> None:
        self.other.stop(signal.SIGKILL)
        self.other = start(self.settings)


def start(settings: dict[str, str]) -> Serving:
    return Serving(ROOT, port=0, settings=settings, command=COMMAND)


@pytest.fixture(scope="module", params=["postgres", pytest.param("postgres and redis", marks=pytest.mark.full)])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    roles = tmp_path_factory.mktemp("roles") / "roles.json"
    roles.write_text("{}")
    settings = {
        "SECRET": new_secret(),
        "PUBLIC_URL": "http://localhost",
        "STORE": asyncio.run(new_database(shared_server())),
    }
    if "redis" in request.param:
        settings["SESSIONS"] = valkey.shared_server().url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLES", str(roles))
        patch.setenv("PYTHONPATH", f"{ROOT}/src:{ROOT}")
        running = Two(settings, start(settings), start(settings))
        yield running
        for server in (running.one, running.other):
            server.stop(signal.SIGKILL)


class Person:
    def __init__(self, two: Two, email: str, client: httpx2.Client) -> None:
        self.two = two
        self.client = client
        granted = self.client.post(
            f"http://localhost:{two.one.port}/auth/register",
            json={"email": email, "password": "seven green bottles on a wall"},
            headers=CLIENT,
        ).json()
        self.token, self.sid = granted["access_token"], granted["session_id"]
        self.account = self.claims["sub"]

    @property
    def claims(self) -> dict[str, str]:
        payload = self.token.split(".")[1]
        found: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return found

    def notes(self, server: Serving) -> int:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.get(f"http://localhost:{server.port}/notes", headers=headers).status_code

    def refresh(self, server: Serving) -> int:
        answer = self.client.post(
            f"http://localhost:{server.port}/auth/refresh", headers={**CLIENT, "Gatepass-Session": self.sid}
        )
        self.token = answer.json().get("access_token", self.token)
        return answer.status_code

    def give(self, scope: str) -> None:
        body = {"account": self.account, "scope": scope}
        assert self.client.put(f"http://localhost:{self.two.one.port}/roles", json=body).status_code == 200


People = Callable[[str], Person]


@pytest.fixture
def people(two: Two) -> Iterator[People]:
    with contextlib.ExitStack() as stack:
        yield lambda email: Person(two, email, stack.enter_context(httpx2.Client()))


def test_a_role_taken_away_on_one_server_is_403_on_the_other_after_one_refresh_there(two: Two, people: People) -> None:
    ann, bob = people("ann@example.com"), people("bob@example.com")
    assert ann.notes(two.other) == bob.notes(two.other) == 200
    old = ann.token
    ann.give("profile")
    assert ann.notes(two.one) == 401, "at once where it was said"
    until(lambda: ann.notes(two.other) == 401, "the other server's refusal")
    assert ann.refresh(two.other) == 200
    assert (ann.notes(two.other), ann.notes(two.one)) == (403, 403), "and no second refresh is needed on any server"
    assert bob.notes(two.other) == 200
    assert bob.client.get(f"http://localhost:{two.other.port}/verbs").json() == [], "no query of any guarded call"
    two.start_other_again()
    ann.token = old
    assert ann.notes(two.other) == 401, "a server that starts later knows it from the store"


def test_the_next_token_is_right_wherever_it_is_made_before_that_server_has_heard(two: Two, people: People) -> None:
    """Refreshed at the other server at once, whether or not the mark has come there: one refresh is enough."""
    eve = people("eve@example.com")
    for turn in range(20):
        eve.give(f"notes:read turn{turn}")
        assert eve.refresh(two.other) == 200
        assert eve.claims["scope"] == f"notes:read turn{turn}"
        assert (eve.notes(two.one), eve.notes(two.other)) == (200, 200)
