"""The OpenAPI description of `account_routes`, joined to the rest by `openapi`."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from gatepass.wire.bodies import (
    DeleteAccountRequest,
    EmailChange,
    EmailConfirmation,
    EmailRequest,
    PasswordReset,
    VerifyRequest,
)

MODELS: Sequence[tuple[type[BaseModel], Literal["validation"]]] = [
    (EmailRequest, "validation"),
    (VerifyRequest, "validation"),
    (DeleteAccountRequest, "validation"),
    (EmailChange, "validation"),
    (EmailConfirmation, "validation"),
    (PasswordReset, "validation"),
]
_OPEN = {403: "cross-site, not-offered", 422: "invalid-body", 429: "too-many-attempts"}
_OWN = {403: "invalid-credentials, not-offered", 422: "invalid-body, password-too-long", 429: "too-many-attempts"}


def operations(*, password: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Path → method → the arguments of `openapi._operation`. `password` lists the codes of refused passwords."""
    return {
        "/verify": {
            "post": {
                "summary": "Make the account that a mailed link is for, and sign it in",
                "body": "VerifyRequest",
                "done": {201: "SignIn"},
                "problems": {
                    **_OPEN,
                    401: "invalid-credentials",
                    422: "invalid-body, invalid-link, password-too-long",
                },
                "cookie": True,
            }
        },
        "/verify/resend": {"post": _mailing("Mail another link to whoever registered with this address")},
        "/password/forgot": {"post": _mailing("Mail a link to set a new password")},
        "/password/reset": {
            "post": {
                "summary": "Set a new password by a mailed link; every session ends",
                "body": "PasswordReset",
                "done": {204: None},
                "problems": {**_OPEN, 422: f"invalid-body, invalid-link, {password}"},
                "cookie": True,
            }
        },
        "/email": {
            "post": {
                "summary": "Ask for another address; a link goes there",
                "body": "EmailChange",
                "done": {202: None},
                "problems": _OWN,
                "bearer": True,
            }
        },
        "/email/confirm": {
            "post": {
                "summary": "Take the address that a mailed link confirms",
                "body": "EmailConfirmation",
                "done": {204: None},
                "problems": {403: "not-offered", 422: "invalid-body, invalid-link"},
                "bearer": True,
            }
        },
        "/account": {
            "delete": {
                "summary": "Delete the account",
                "body": "DeleteAccountRequest",
                "done": {204: None},
                "problems": _OWN,
                "bearer": True,
            }
        },
    }


def _mailing(summary: str) -> dict[str, Any]:
    return {"summary": summary, "body": "EmailRequest", "done": {202: None}, "problems": _OPEN, "cookie": True}
