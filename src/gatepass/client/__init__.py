"""The Python client: Axios-like interceptors over httpx2, and sessions that survive.

with Client("https://api.example.com") as api:
    api.sign_in("ann@example.com", password)
    api.get("/me")
"""

from typing import Any

from gatepass.client.aio import AsyncClient
from gatepass.client.auth import GatepassAuth, with_interceptors
from gatepass.client.base import default_layers
from gatepass.client.call_options import call_options
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
    StorageError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
    raise_for_problem,
)
from gatepass.client.layers.call_log import CallLog
from gatepass.client.layers.indicators import callback, progress_line, spinner
from gatepass.client.layers.loading import Loading
from gatepass.client.layers.retry import Budget, Retry
from gatepass.client.session.session import Session
from gatepass.client.storage.base import MemoryStorage
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.record import Account
from gatepass.client.sync import Client

__all__ = [
    "Account",
    "AsyncClient",
    "BadRequestError",
    "Budget",
    "CallLog",
    "Client",
    "ClientError",
    "ConflictError",
    "FileStorage",
    "ForbiddenError",
    "GatepassAuth",
    "KeyringStorage",
    "Loading",
    "MemoryStorage",
    "NotFoundError",
    "NotReplayableError",
    "ProblemError",
    "RefreshUnavailableError",
    "Retry",
    "ServerError",
    "Session",
    "SessionEndedError",
    "StorageError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnprocessableError",
    "call_options",
    "callback",
    "default_layers",
    "progress_line",
    "raise_for_problem",
    "spinner",
    "with_interceptors",
]


def __getattr__(name: str) -> Any:
    """The keyring's storage needs its extra: imported when it is asked for."""
    if name == "KeyringStorage":
        from gatepass.client.storage.keyring import KeyringStorage

        return KeyringStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
