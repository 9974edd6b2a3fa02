"""The session as it stands in the storage, and what this process believes of it: kept in step, here and nowhere else.

Every change is read – amend – save, and only of the session that it was meant for: another program may have signed
in or out meanwhile. A storage that fails does not end a session: it goes on in memory, *degraded*.
"""

import logging
import time
from dataclasses import replace

from gatepass.client.errors import StorageError
from gatepass.client.session.access_token import TokenState
from gatepass.client.session.endpoints import Grant, Outcome
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import Stored

log = logging.getLogger("gatepass.client")
log.addHandler(logging.NullHandler())  # where nobody listens, nothing is printed
MOST_SIGNED_OUT = 8
"""Sign-outs that are kept for a server which does not confirm them."""
QUEUE_MARGIN = 2.0
"""How much longer than a call's two longest phases one waits for one's turn. Seconds."""


class Book:
    """`url` is that of the auth endpoints; `timeout` seconds for each phase of a call to them."""

    def __init__(self, url: str, *, storage: Storage, state: TokenState, timeout: float) -> None:
        self.url = url
        self.storage = storage
        self.state = state
        self.timeout = timeout
        self.patience = 2 * timeout + QUEUE_MARGIN
        self.stuck_at: tuple[object, ...] | None = None
        self.is_open = False
        self.is_kept = True
        self._stored: Stored | None = None
        self._version: object = None

    @property
    def stored(self) -> Stored:
        """What is known of the storage. Only after `open`."""
        assert self._stored is not None  # noqa: S101
        return self._stored

    @property
    def presents(self) -> tuple[object, ...]:
        """A mark of what a refresh would present now; not the token itself, as crash reports show local variables."""
        return (self.stored.sid, self.stored.generation, hash(self.stored.cookie))

    def open(self) -> None:
        """The first look. Raises StorageError, which says what to do."""
        self._version = self.storage.version()
        self._believe(self.storage.load())
        self.is_open = True

    def look(self) -> None:
        """Follow another program, if it has changed something; cheap where it has not."""
        if not self.is_open:
            self.open()
        elif self.storage.version() != self._version:
            self.read()

    def read(self) -> None:
        """Follow the storage. Where it cannot be read, what is known goes on to hold."""
        if not self.is_open:
            self.open()
            return
        self._believe(self._load())

    def begin(self, grant: Grant) -> None:
        """A sign-in: it takes the place of whatever there was."""
        current = self._load()
        self._save(self._with(Stored(current.client_key, signed_out=current.signed_out), grant))
        self.state.take(grant)

    def renew(self, grant: Grant) -> bool:
        """A refresh. False, and nothing changed, where that session is no longer the storage's."""
        current = self._load()
        if current.sid != grant.sid:
            self._believe(current)
            return False
        self._save(self._with(current, grant))
        self.state.take(grant)
        if not self.is_kept:
            self.state.status = "degraded"
        return True

    def advance(self, sid: str, outcome: Outcome) -> None:
        """A newer refresh token exists: what the answer said and brought of it."""
        current = self._load()
        if current.sid != sid:
            self._believe(current)
            return
        cookie, generation = outcome.answer.cookie or current.cookie, outcome.generation
        self._save(replace(current, cookie=cookie, generation=current.generation if generation is None else generation))

    def forget(self, sid: str) -> None:
        """The server says that this session is over."""
        current = self._load()
        if current.sid == sid:
            self._save(Stored(current.client_key, signed_out=current.signed_out))

    def leave(self, sid: str) -> None:
        """Signed out: remember to tell the server."""
        current = self._load()
        if current.sid != sid:
            self._believe(current)
            return
        untold = current.signed_out
        if current.cookie is not None:
            untold = (*untold, (sid, *current.cookie))[-MOST_SIGNED_OUT:]
        self._save(Stored(current.client_key, signed_out=untold))

    def confirm(self, sid: str) -> None:
        """The server knows of this sign-out."""
        current = self._load()
        self._save(replace(current, signed_out=tuple(one for one in current.signed_out if one[0] != sid)))

    def _with(self, current: Stored, grant: Grant) -> Stored:
        """A cookie goes with its generation; what is newer already stays."""
        is_news = grant.cookie is not None and (current.generation is None or grant.generation >= current.generation)
        return replace(
            current,
            sid=grant.sid,
            generation=grant.generation if is_news else current.generation,
            cookie=grant.cookie if is_news else current.cookie,
            access_token=grant.token,
            expires_at=time.time() - (time.monotonic() - grant.sent_at) + grant.lifetime,
            lifetime=grant.lifetime,
            account=grant.account or current.account,
        )

    def _load(self) -> Stored:
        try:
            self._version = self.storage.version()
            return self.storage.load()
        except StorageError as fault:
            if self._stored is None:
                raise
            self._degrade(fault)
            return self._stored

    def _save(self, stored: Stored) -> None:
        self._stored = stored
        try:
            self.storage.save(stored)
            self._version = self.storage.version()
        except StorageError as fault:
            self._degrade(fault)
        else:
            self.is_kept = True

    def _degrade(self, fault: StorageError) -> None:
        if self.is_kept:
            log.warning("session goes on in memory: %s", fault)
        self.is_kept = False
        if self.state.sid is not None:
            self.state.status = "degraded"

    def _believe(self, stored: Stored) -> None:
        """Take over what another program has done."""
        self._stored = stored
        state = self.state
        if stored.sid != state.sid:
            state.clear(sid=stored.sid)
        state.account = stored.account
        token, expires_at, lifetime = stored.access_token, stored.expires_at, stored.lifetime
        if stored.sid is None or token is None or expires_at is None or lifetime is None or lifetime <= 0:
            return
        if state.held is None or state.held.token != token:
            state.take_kept(token, expires_at=expires_at, lifetime=lifetime)
