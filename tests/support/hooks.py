"""What the tests of hooks hang in: members of a sign-up, and a rule that notes what it is asked."""

from typing import Any

from pydantic import BaseModel, Field

from gatepass import HookFacts


class SignUp(BaseModel):
    company: str = Field(min_length=2, max_length=40)
    newsletter: bool = False


class Asked:
    """A hook that notes what it is told, and refuses if it has something to raise."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.facts: list[HookFacts[Any]] = []
        self.refusal = refusal

    async def __call__(self, facts: HookFacts[Any]) -> None:
        self.facts.append(facts)
        if self.refusal is not None:
            raise self.refusal
