"""A claims hook that does as a test says."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gatepass.core.session import Session
from gatepass.core.strict_json import Json

Claims = Mapping[str, Json]


class Switch:
    """A hook that does as a test says."""

    def __init__(self) -> None:
        self.act: Callable[[Session], Any] = lambda session: {}

    async def __call__(self, session: Session) -> Claims:
        found = self.act(session)
        return await found if isinstance(found, Awaitable) else found  # type: ignore[no-any-return]
