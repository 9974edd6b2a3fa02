"""The session as the storage has it, and what this process knows of it: kept in step, here and nowhere else.

Every change is read – amend – save, and only of the session that it was meant for: another program may have signed
in or out meanwhile. A storage that fails does not end a session: it goes on in memory, *degraded*.

The threads of this program read at any time, and write while they hold the storage's lock. What was read is taken over
unless another thread has changed something since: it may be older than that. The storage is never asked under
`state.lock`, because it may have a lock of its own.
"""

import logging
import secrets
import time
from dataclasses import replace

from gatepass.client.errors import StorageError
from gatepass.client.session import clock
from gatepass.client.session.access_token import TokenState
from gatepass.client.session.endpoints import Grant, Outcome
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import MAX_MISSING, MISSING_TIMEOUT, SessionRecord
from gatepass.core.binding import KEY_BYTES, key_id_of
from gatepass.core.secret import Secret

log = logging.getLogger("gatepass.client")
log.addHandler(logging.NullHandler())  # without it, Python prints warnings of programs that set no logging up
MAX_SIGN_OUTS = 8
"""Sign-outs that are kept for a server which does not confirm them."""
MAX_OFFERED = 8
"""Sign-ins whose second step may follow: tickets last for minutes, and most programs have one user."""
LOCK_MARGIN = 2.0
"""Seconds to wait for the storage's lock, beyond the two longest phases of a call."""


class PersistentSession:
    """A session and its storage. Its methods block: run them in a `Work` step."""

    def __init__(self, url: str, *, storage: Storage, state: TokenState, timeout: float) -> None:
        """`url` is that of the auth endpoints; `timeout` in seconds, for each phase of a call to them."""
        self.url = url
        self.storage = storage
        self.state = state
        self.timeout = timeout
        self.lock_timeout = 2 * timeout + LOCK_MARGIN
        self.is_lock_lost = False
        """Whether the last wait for the storage's lock ran out."""
        self.gave_up_at: tuple[object, ...] | None = None
        self.unproven: str | None = None
        """A session whose key the server has refused. It stays in the storage, and is none to this process."""
        self._offered: dict[int, SessionRecord] = {}
        """The key that a first step offered, for the second: the server binds the session to that one. By ticket."""
        self.is_open = False
        self.is_saved = True
        self._record: SessionRecord | None = None
        self._version: object = None
        self._changes = 0
        """Counts what was read and written here."""

    @property
    def record(self) -> SessionRecord:
        """What was read or written last. Only after `open`."""
        assert self._record is not None  # noqa: S101
        return self._record

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Differs when a refresh would present another token. Not the token: crash reports show local variables."""
        record = self.record
        return (record.sid, record.generation, record.challenge, hash(record.cookie))

    def open(self) -> None:
        """Read the storage for the first time. Raises StorageError, which says what to do."""
        while not self._take_over(*self._stored()):
            pass
        self.is_open = True

    def refresh_if_changed(self) -> None:
        """Read the storage if another program has written to it; cheap if none has. The first time as `open`."""
        if not self.is_open:
            self.open()
        elif self.storage.version() != self._version:
            self._load(may_save=False)

    def read(self) -> None:
        """Read the storage. If that fails, what was read before remains in effect. The first time as `open`."""
        if not self.is_open:
            self.open()
        else:
            self._load()

    def offered_with(self, ticket: object) -> SessionRecord:
        """The key that goes along with credentials: a new one, or that of the first step which gave this ticket."""
        known = None if ticket is None else self._offered.get(_mark(ticket))
        return known or SessionRecord(binding_key=secrets.token_bytes(KEY_BYTES), is_bound=True)

    def keep_offered(self, offered: SessionRecord, *, ticket: object) -> None:
        """Keep a key for the step that will show this ticket; several sign-ins may be under way."""
        if isinstance(ticket, str):
            kept = list(self._offered.items())[1 - MAX_OFFERED :]
            self._offered = {**dict(kept), _mark(ticket): offered}

    def begin(self, grant: Grant, offered: SessionRecord) -> None:
        """Save a sign-in. It replaces any session that there was, but not the unconfirmed sign-outs.

        `offered` has the key that the request brought. Key and cookie are saved in one step: neither is of use alone.
        """
        # The key is in no local variable: crash reports show those.
        if key_id_of(offered.binding_key or b"").hex() != grant.sid[:16]:
            offered = SessionRecord()  # the server has not taken it
        begun = replace(offered, signed_out=self._load().signed_out)
        self.unproven = None
        self._save(_granted(begun, grant), grant)

    def offer(self) -> bool:
        """Make a key for a session that began without one. Returns whether a refresh may bind the session to it.

        Not with a key that is not on the disk: its refresh may have to be repeated, by a later process too.
        """
        if self.record.binding_key is not None:
            return True
        self._save(replace(self.record, binding_key=secrets.token_bytes(KEY_BYTES)))
        return self.is_saved

    def renew(self, grant: Grant, is_bound: bool) -> bool:
        """Save the grant of a refresh; `is_bound` says whether it went under the session's key.

        Returns False, and changes nothing, if the storage has another session now.
        """
        record = self._load()
        if record.sid != grant.sid:
            return False
        self._save(replace(_granted(record, grant), is_bound=is_bound, missing=(0, 0.0)), grant)
        return True

    def advance(self, sid: str, outcome: Outcome) -> None:
        """Save what a `refresh-superseded` says of the right refresh token: its cookie, or its mark."""
        record = self._load()
        if record.sid != sid:
            return
        generation, challenge = outcome.mark or (record.generation, record.challenge)
        cookie = outcome.answer.cookie or record.cookie
        self._save(replace(record, cookie=cookie, generation=generation, challenge=challenge, missing=(0, 0.0)))

    def miss(self, sid: str) -> bool:
        """Count an answer to which this session's cookie is none. Returns whether it is gone for good, and removed."""
        record = self._load()
        if record.sid != sid:
            return False
        now, (count, since) = time.time(), record.missing
        missing = (count + 1, since if count else now)
        # A clock that was set back counts as having gone on: this must end at some time.
        if missing[0] >= MAX_MISSING and not 0 <= now - missing[1] < MISSING_TIMEOUT:
            self.forget(sid)
            return True
        self._save(replace(record, missing=missing))
        return False

    def disown(self, sid: str) -> None:
        """Be without a session in this process: the server does not believe its key. The storage is left as it is."""
        self.unproven = sid

    def forget(self, sid: str) -> None:
        """Remove a session that the server has ended."""
        record = self._load()
        if record.sid == sid:
            self._save(SessionRecord(signed_out=record.signed_out))

    def sign_out(self, sid: str) -> None:
        """Remove a session and remember that the server must confirm its sign-out."""
        record = self._load()
        if record.sid == sid:
            self._save(_signed_out(record, sid))

    def confirm_sign_out(self, sid: str) -> None:
        """Forget a sign-out that the server has confirmed."""
        record = self._load()
        self._save(replace(record, signed_out=tuple(one for one in record.signed_out if one[0] != sid)))

    def settle(self) -> None:
        """Try once more to save what could not be saved. If that fails, says what is lost with this process."""
        if self._record is None or self.is_saved:
            return
        with self.storage.locked(LOCK_MARGIN):
            record = self._load()
        if not self.is_saved:
            log.warning("session %s is not saved: the storage has an older refresh token", record.sid)

    def _load(self, *, may_save: bool = True) -> SessionRecord:
        """Take over what the storage has; or what it should have, if it did not take that and no other program wrote.

        That is saved again if `may_save`: only under the storage's lock, or an older record could come over a newer.
        """
        try:
            while True:
                known = self._record
                if known is not None and not self.is_saved and self.storage.version() == self._version:
                    if may_save:
                        self._save(known)
                    return known
                found = self._stored()
                if self._take_over(*found):
                    return found[2]
        except StorageError as fault:
            if self._record is None:
                raise
            self._degrade(fault)
            return self._record

    def _stored(self) -> tuple[int, object, SessionRecord]:
        """What the storage has, with its version, and the number of changes before."""
        changes, version = self._changes, self.storage.version()
        return changes, version, self.storage.load()

    def _take_over(self, changes: int, version: object, record: SessionRecord) -> bool:
        """Use what was read. Returns False, and changes nothing, if another thread has changed something since."""
        with self.state.lock:
            if changes != self._changes:
                return False
            self._changes += 1
            self._record, self._version, self.is_saved = record, version, True
            self._adopt(record)
            return True

    def _save(self, record: SessionRecord, grant: Grant | None = None) -> None:
        """Save a record, and use the access token that came with it. The storage's lock is held."""
        fault, is_saved, version = None, False, self._version
        try:
            self.storage.save(record)
            version, is_saved = self.storage.version(), True
        except StorageError as error:
            fault = error
        finally:  # also if this thread is interrupted: the server may take no other refresh token than this one
            with self.state.lock:
                self._changes += 1
                self._record, self._version = record, version
                if grant is not None:
                    self.state.take(grant)
                if fault is not None:
                    self._degrade(fault)
                self.is_saved = is_saved

    def _degrade(self, fault: StorageError) -> None:
        if self.is_saved:
            log.warning("session goes on in memory: %s", fault)
        self.is_saved = False
        self.state.degrade(self.state.sid)

    def _adopt(self, record: SessionRecord) -> None:
        """What another program has written becomes what this one knows."""
        state = self.state
        sid = None if record.sid == self.unproven else record.sid
        if sid != state.sid:
            state.clear(sid=sid)
        if sid is None:
            return
        state.account = record.account
        token, expires_at, lifetime = record.access_token, record.expires_at, record.lifetime
        if token is None or expires_at is None or lifetime is None or lifetime <= 0:
            return
        if state.current is None or state.current.token != token:
            state.take_stored(token, sid=sid, expires_at=expires_at, lifetime=lifetime)


def _mark(ticket: object) -> int:
    """Stands for a ticket, which is a secret: crash reports show the keys of a dict."""
    return hash(ticket.reveal() if isinstance(ticket, Secret) else ticket)


def _signed_out(record: SessionRecord, sid: str) -> SessionRecord:
    """The record without its session, whose sign-out the server must confirm."""
    unconfirmed = record.signed_out
    if record.cookie is not None:
        unconfirmed = (*unconfirmed, (sid, *record.cookie))[-MAX_SIGN_OUTS:]
    return SessionRecord(signed_out=unconfirmed)


def _granted(record: SessionRecord, grant: Grant) -> SessionRecord:
    """The record with a grant. A cookie belongs to its generation; a newer one in the record stays."""
    is_newer = grant.cookie is not None and (record.generation is None or grant.generation >= record.generation)
    return replace(
        record,
        sid=grant.sid,
        generation=grant.generation if is_newer else record.generation,
        challenge=grant.challenge if is_newer else record.challenge,
        cookie=grant.cookie if is_newer else record.cookie,
        access_token=grant.token,
        expires_at=time.time() - (clock.now() - grant.sent_at) + grant.lifetime,
        lifetime=grant.lifetime,
        account=grant.account or record.account,
    )
