"""A client of the protocol without a package of ours, to read and to translate. It needs `requests`.

Numbers in comments are the rules of docs/guides/native-clients.md.
"""

import base64
import hmac
import json
import os
import secrets
import time
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests


class SessionEnded(Exception):
    """The server said so of this very session: sign in again."""


def refresh_headers(state: dict[str, Any]) -> dict[str, str]:
    """The headers that prove that this is the client that signed in (rule 3)."""
    sid, generation, challenge = state["sid"], state["generation"], state["challenge"]
    message = f"gatepass refresh|{sid}|{generation}|{challenge}".encode()
    digest = hmac.digest(bytes.fromhex(state["key"]), message, "sha256")
    proof = base64.urlsafe_b64encode(digest).decode()[:22]
    return {"Gatepass-Proof": f"{generation}.{challenge}.{proof}", "Gatepass-Session": sid}


class Client:
    """One person's session, kept in a file. One process and one thread at a time (rule 6)."""

    def __init__(self, url: str, file: Path) -> None:
        self._url, self._file = url, file
        self._http = requests.Session()
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # the file is the only jar (rule 1)
        self._state: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        self._token, self._since, self._until = "", 0.0, 0.0

    def sign_in(self, email: str, password: str) -> None:
        """Begin a session."""
        key = secrets.token_bytes(32)
        secret = base64.urlsafe_b64encode(key).decode().rstrip("=")
        body = {"email": email, "password": password, "binding_secret": secret}
        answer = self._http.post(f"{self._url}/auth/login", json=body, headers={"Gatepass-Client": "1"}, timeout=10)
        answer.raise_for_status()
        self._state = {"key": key.hex()}
        self._take(answer)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call a route. Raises SessionEnded; any other error means: try again later (rule 5)."""
        if time.monotonic() >= self._until:
            self.refresh()
        answer = self._send(method, path, options)
        is_about_the_token = 'error="invalid_token"' in answer.headers.get("WWW-Authenticate", "")
        if is_about_the_token and time.monotonic() - self._since >= 5:  # rule 4
            self.refresh()
            answer = self._send(method, path, options)
        return answer

    def refresh(self) -> None:
        """Exchange the refresh token."""
        for _ in range(20):
            headers = {**refresh_headers(self._state), "Cookie": self._state["cookie"]}
            answer = self._http.post(f"{self._url}/auth/refresh", headers=headers, timeout=10)
            body = answer.json()
            if body.get("code") == "session-ended" and body.get("sid") == self._state["sid"]:
                self._file.unlink(missing_ok=True)
                raise SessionEnded(body["reason"])
            if answer.status_code == 200:
                return self._take(answer)
            if body.get("code") != "refresh-superseded":
                answer.raise_for_status()
            self._take(answer)
        raise requests.ConnectionError("The refresh token is behind. Try again later.")

    def sign_out(self) -> None:
        """End the session at the server, and forget it here."""
        headers = {"Gatepass-Client": "1", "Cookie": self._state["cookie"]}
        self._http.post(f"{self._url}/auth/logout", headers=headers, timeout=10).raise_for_status()
        self._file.unlink(missing_ok=True)

    def _send(self, method: str, path: str, options: dict[str, Any]) -> requests.Response:
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {self._token}"}
        return self._http.request(method, f"{self._url}{path}", **{"timeout": 10, **options, "headers": headers})

    def _take(self, answer: requests.Response) -> None:
        body = answer.json()
        self._state["sid"] = body.get("session_id", self._state.get("sid"))
        for name in ("generation", "challenge"):
            self._state[name] = body.get(f"refresh_{name}", self._state.get(name))
        for name, value in answer.cookies.items():
            if "_state" not in name:
                self._state["cookie"] = f"{name}={value}"
        written = self._file.with_suffix(".new")  # whole or not at all, and before the token is used (rule 2)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._state, file)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._file)
        if "access_token" in body:
            self._token, self._since = body["access_token"], time.monotonic()
            self._until = self._since + body["expires_in"] - 5
