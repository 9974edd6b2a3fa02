"""The session files of the command line: one for each server that was signed in to.

    $XDG_CONFIG_HOME/gatepass/sessions/https%3A%2F%2Fapi.example.com%2Fauth.json     (~/.config, on Windows %APPDATA%)

The name of a file is the address of the auth endpoints, so the list of files is the list of logins. A file without a
session is kept: it holds this machine's client key for that server (PROTOCOL §5), and sign-outs still to be sent.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from gatepass.client import Client
from gatepass.client.errors import raise_for_problem
from gatepass.client.session.endpoints import answer_of, read_account
from gatepass.client.storage.file import FileStorage, expand_home
from gatepass.client.storage.record import Account
from gatepass.errors import GatepassError
from gatepass.wire.origin import is_loopback, origin_of


class NotSignedIn(GatepassError):
    """No login matches. The message says what to run."""


class Unreadable(GatepassError):
    """A response that Gatepass does not send."""


class Ambiguous(GatepassError):
    """Several logins match. The message names them."""


@dataclass(frozen=True, slots=True)
class Login:
    """A server to be signed in to. `auth_url` is the address of its auth endpoints, without a slash at the end."""

    auth_url: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.auth_url)

    @property
    def path(self) -> Path:
        """Where the session is saved: a file named after the URL of the endpoints."""
        return folder() / f"{quote(self.auth_url, safe='')}.json"

    @property
    def storage(self) -> FileStorage:
        """The session file as a storage of the client."""
        return FileStorage(self.path)

    def account(self, client: Client) -> Account:
        """The account of the session, as the server sees it. Raises ProblemError or Unreadable."""
        answer = client.get(f"{self.auth_url}/me")
        raise_for_problem(answer)
        account = read_account(answer_of(answer, sent_at=0).body)
        if account is None:
            raise Unreadable(f"{self.auth_url}/me did not answer with an account. Is it Gatepass?")
        return account

    def is_signed_in(self) -> bool:
        """Whether the file has a session. Raises StorageError for a file that cannot be used."""
        return self.path.exists() and self.storage.load().sid is not None

    def is_signing_out(self) -> bool:
        """Whether a sign-out has still to be sent to the server."""
        return self.path.exists() and bool(self.storage.load().signed_out)


def folder() -> Path:
    """The folder of the session files. Raises StorageError if this user has no home."""
    given = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if sys.platform == "win32" else None)
    return (Path(given) if given else expand_home("~/.config")) / "gatepass" / "sessions"


def login_at(url: str, auth_path: str) -> Login:
    """The login for an API at `url`, whose auth endpoints are at the path `auth_path` of the same host.

    Raises ConfigurationError if `url` is not an http(s) URL, NotSignedIn if tokens would leave the host or https.
    """
    origin = origin_of(url)
    parts = urlsplit(urljoin(origin, auth_path))
    if origin_of(parts.geturl()) != origin:
        raise NotSignedIn(f"--auth must be a path at {origin}: tokens are sent only to the host that issued them.")
    if origin.startswith("http:") and not is_loopback(origin):
        raise NotSignedIn(f"{origin} is not https: the password would cross the network unencrypted.")
    return Login(origin + parts.path.rstrip("/"))


def all_logins() -> Iterator[Login]:
    """A login for each session file, by name, signed in or not."""
    try:
        names = sorted(file.name for file in folder().iterdir() if file.name.endswith(".json"))
    except FileNotFoundError:
        return
    for name in names:
        if not name.startswith("."):  # a file that is being written
            yield Login(unquote(name.removesuffix(".json")))


def choose(url: str | None, *, to_sign_out: bool = False) -> Login:
    """The login at the origin of `url`, or without a URL the only login. Raises NotSignedIn or Ambiguous.

    `to_sign_out` includes logins whose sign-out has still to be sent.
    """
    origin = None if url is None else origin_of(url)
    matching = [login for login in all_logins() if origin in (None, login.origin)]
    found = [login for login in matching if login.is_signed_in() or (to_sign_out and login.is_signing_out())]
    match found:
        case [login]:
            return login
        case []:
            at = "" if origin is None else f" at {origin}"
            raise NotSignedIn(f"You are not signed in{at}. Sign in with: gatepass login {origin or 'URL'}")
        case several:
            named = ", ".join(login.auth_url for login in several)
            raise Ambiguous(f"You are signed in at several servers; name one of them: {named}")
