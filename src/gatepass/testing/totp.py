"""The codes of an authenticator app, for tests of pages and of applications."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

from gatepass.core.totp import code_at, step_at


def totp_code(secret: str, *, at: float | None = None) -> str:
    """The code that an app with this secret shows at a time (Unix seconds; None: now).

        code = totp_code(setup["secret"])

    `secret` is what `POST /auth/totp` answers as `secret` or as `uri`. A code works once: for another one within the
    same half minute pass `at=time.time() + 30`, which is accepted too.
    """
    text = parse_qs(urlsplit(secret).query)["secret"][0] if secret.startswith("otpauth:") else secret
    return code_at(base64.b32decode(text), step_at(int(time.time() if at is None else at)))
