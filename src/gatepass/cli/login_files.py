"""Where the command line keeps its logins: one session file for each place that somebody signed in at.

    $XDG_CONFIG_HOME/gatepass/sessions/https%3A%2F%2Fapi.example.com%2Fauth.json     (~/.config, on Windows %APPDATA%)

The name of a file is the address of its auth endpoints, so that a list of logins is a list of files. A file without
a session stays: it holds the client key of this machine for that place (PROTOCOL §5), and sign-outs to be told.
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
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.record import Account
from gatepass.errors import GatepassError
from gatepass.wire.origin import is_loopback, origin_of


class NotSignedIn(GatepassError):
    """No login fits. The message says what to run."""


class Unreadable(GatepassError):
    """An answer is not what the server of a login answers."""


class Ambiguous(GatepassError):
    """Several logins fit. The message names them."""


@dataclass(frozen=True, slots=True)
class Login:
    """One place to be signed in at. `auth_url` is the address of its auth endpoints, without a slash at the end."""

    auth_url: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.auth_url)

    @property
    def path(self) -> Path:
        """The session file."""
        return folder() / f"{quote(self.auth_url, safe='')}.json"

    @property
    def storage(self) -> FileStorage:
        """The session file as a storage."""
        return FileStorage(self.path)

    def account(self, client: Client) -> Account:
        """Whose session it is, as the server sees it. Raises ProblemError, or Unreadable for another answer."""
        answer = client.get(f"{self.auth_url}/me")
        raise_for_problem(answer)
        account = read_account(answer_of(answer, sent_at=0).body)
        if account is None:
            raise Unreadable(f"{self.auth_url}/me did not answer with an account. Is it Gatepass?")
        return account

    def is_signed_in(self) -> bool:
        """Whether a session is kept. Raises StorageError for a file that cannot be used."""
        return self.path.exists() and self.storage.load().sid is not None

    def is_signing_out(self) -> bool:
        """Whether the server has yet to be told of a sign-out."""
        return self.path.exists() and bool(self.storage.load().signed_out)


def folder() -> Path:
    """Where the session files are."""
    given = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if sys.platform == "win32" else None)
    return (Path(given) if given else Path.home() / ".config") / "gatepass" / "sessions"


def login_at(url: str, auth_path: str) -> Login:
    """The login for an API at `url`, whose auth endpoints are at the path `auth_path` of the same host.

    Raises ConfigurationError for what is no http(s) URL, and NotSignedIn for one that no session can be kept for.
    """
    origin = origin_of(url)
    parts = urlsplit(urljoin(origin, auth_path))
    if origin_of(parts.geturl()) != origin:
        raise NotSignedIn(f"--auth is a path at {origin}: tokens go to the host that gave them and to no other.")
    if origin.startswith("http:") and not is_loopback(origin):
        raise NotSignedIn(f"{origin} is not https: the password would cross the network in the clear.")
    return Login(origin + parts.path.rstrip("/"))


def places() -> Iterator[Login]:
    """All places that somebody ever signed in at, by name."""
    try:
        names = sorted(file.name for file in folder().iterdir() if file.name.endswith(".json"))
    except FileNotFoundError:
        return
    for name in names:
        if not name.startswith("."):  # a file that is just being written
            yield Login(unquote(name.removesuffix(".json")))


def choose(url: str | None, *, to_sign_out: bool = False) -> Login:
    """The login for a URL, by its origin; without one the only login there is. Raises NotSignedIn or Ambiguous.

    `to_sign_out` also finds places where a sign-out is not yet done.
    """
    origin = None if url is None else origin_of(url)
    near = [place for place in places() if origin in (None, place.origin)]
    found = [place for place in near if place.is_signed_in() or (to_sign_out and place.is_signing_out())]
    match found:
        case [login]:
            return login
        case []:
            at = "" if origin is None else f" at {origin}"
            raise NotSignedIn(f"You are not signed in{at}. Sign in with: gatepass login {origin or 'URL'}")
        case several:
            named = ", ".join(login.auth_url for login in several)
            raise Ambiguous(f"You are signed in at several places; name one of them: {named}")
