"""What `sign_in_browser` says where no session begins, over an imitation of Playwright's context."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from gatepass.testing import sign_in_browser, sign_in_browser_async

AUTH = "http://localhost:8000/auth"
SESSION = {"account": {"id": "7"}, "init_script": "placed()"}


@dataclass
class Answer:
    status: int
    body: str

    def text(self) -> str:
        return self.body


class AsyncAnswer(Answer):
    async def text(self) -> str:  # type: ignore[override]
        return self.body


class Context:
    """A context whose server answers `answer`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.request = self
        self.scripts: list[str] = []

    def post(self, url: str, **options: object) -> Answer:
        return self.answer

    def add_init_script(self, script: str) -> None:
        self.scripts.append(script)


class AsyncContext(Context):
    async def post(self, url: str, **options: object) -> Answer:  # type: ignore[override]
        return self.answer

    async def add_init_script(self, script: str) -> None:  # type: ignore[override]
        self.scripts.append(script)


def test_the_key_of_the_session_goes_into_the_pages_to_come() -> None:
    context = Context(Answer(200, json.dumps(SESSION)))
    assert sign_in_browser(context, auth=AUTH) == {"id": "7"}
    assert context.scripts == ["placed()"]
    other = AsyncContext(AsyncAnswer(200, json.dumps(SESSION)))
    assert asyncio.run(sign_in_browser_async(other, auth=AUTH)) == {"id": "7"}
    assert other.scripts == ["placed()"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, '{"detail": "Not Found"}', f"404: there is no testing endpoint at {AUTH}/testing/sessions"),
        (200, "<!doctype html>", "GATEPASS_TESTING=true"),
        (422, '{"detail": "Invalid members: email."}', "422: Invalid members: email."),
    ],
)
def test_it_says_what_to_look_at(status: int, body: str, words: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        sign_in_browser(Context(Answer(status, body)), auth=AUTH)
    assert words in str(caught.value)


def test_an_address_without_a_host_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a whole address"):
        sign_in_browser(Context(Answer(200, "{}")), auth="/auth")
