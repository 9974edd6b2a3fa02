"""The names that Python snippets of the pages assume: what the application around them has imported or made.

`tools/docs/snippets.py` imports from here what a snippet uses without defining it. A name that is not here is a fault
of the page.
"""

import os
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware

from gatepass import AuthenticatedUser, Gatepass, Principal, Tokens
from gatepass.access.asgi import current_principal
from gatepass.client import Budget, Client, FileStorage, Retry, UnauthenticatedError, raise_for_problem
from gatepass.core.session import EndReason, Session, Swap
from gatepass.guards.fastapi import CurrentPrincipal, requires
from gatepass.ports import Message
from gatepass.stores.memory.store import MemoryStore

__all__ = [
    "Annotated",
    "AuthenticatedUser",
    "Budget",
    "CORSMiddleware",
    "CurrentPrincipal",
    "EndReason",
    "FastAPI",
    "FileStorage",
    "Gatepass",
    "MyMailer",
    "MyStore",
    "Principal",
    "Retry",
    "Session",
    "Swap",
    "Tokens",
    "UnauthenticatedError",
    "account_id",
    "alert",
    "api",
    "app",
    "ask_password",
    "asynccontextmanager",
    "current_principal",
    "find_notes",
    "find_user",
    "gate",
    "httpx2",
    "issuer",
    "matches",
    "my_client",
    "on_error",
    "on_response",
    "order",
    "os",
    "password",
    "payout",
    "pytest",
    "raise_for_problem",
    "request",
    "requires",
    "response",
    "secret",
    "sid",
    "structlog",
    "time",
    "window",
]


class MyMailer:
    """A mailer of the application."""

    async def send(self, message: Message) -> None:
        """Deliver it."""


class MyStore(MemoryStore):
    """A store of the application."""

    def __init__(self, *where: Any) -> None:
        super().__init__()


gate: Gatepass
app: FastAPI
api: Client
my_client: httpx2.Client
account_id: str
issuer: str
password: str
secret: str
sid: bytes
order: dict[str, Any]
payout: dict[str, Any]
request: Request
response: Response
window: Any
alert: Callable[..., None]
ask_password: Callable[[], str]
find_user: Any
find_notes: Callable[[str], Any]
matches: Callable[..., bool]
on_response: Callable[[httpx2.Response], None]
on_error: Callable[[Exception], None]
