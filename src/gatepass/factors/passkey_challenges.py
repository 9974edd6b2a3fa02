"""The challenges of one gate: made for a ceremony, known again in its answer, used once (`core.passkey_challenge`)."""

import hashlib
from collections.abc import Sequence

from gatepass.core.factor import Passkey
from gatepass.core.keyring import KeyRing
from gatepass.core.passkey_challenge import NONCE_BYTES, Purpose, compose_challenge, read_challenge, user_handle
from gatepass.errors import BadRequest
from gatepass.ports import Clock, Entropy, FactorStore
from gatepass.problem_codes import ProblemCode


class PasskeyChallenges:
    """Nothing is stored but which challenges were used, for as long as they would count."""

    def __init__(self, store: FactorStore, *, keys: KeyRing, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._entropy = entropy

    def to_add(self, account_id: str, own: Sequence[Passkey], *, session_id: str) -> tuple[bytes, bytes]:
        """The handle of an account that has its `own` passkeys, and a challenge to add another in this session."""
        handle = own[0].user_handle if own else user_handle(self._keys, account_id)
        return handle, self._compose("add", _belonging(account_id, session_id, handle))

    def to_sign_in(self, belongs_to: bytes) -> bytes:
        """A challenge to sign in; that of a second step `belongs_to` its ticket."""
        return self._compose("sign-in", belongs_to)

    def added(self, challenge: bytes, account_id: str, own: Sequence[Passkey], *, session_id: str) -> tuple[bytes, int]:
        """The handle that went with a challenge, and until when that counts. Raises BadRequest (`challenge-expired`).

        The device has this one, whatever secret is the current one by now.
        """
        handles = [each.user_handle for each in own]
        handles += [user_handle(self._keys, account_id, key_id=challenge[0])] if challenge else []
        for handle in handles:
            belongs_to, now = _belonging(account_id, session_id, handle), self._clock.now()
            until = read_challenge(challenge, self._keys, "add", belongs_to=belongs_to, now=now)
            if until is not None:
                return handle, until
        raise _expired()

    def signed_in(self, challenge: bytes, belongs_to: bytes) -> int:
        """Until when the challenge of a sign-in counts. Raises BadRequest (`challenge-expired`) if it does not."""
        now = self._clock.now()
        until = read_challenge(challenge, self._keys, "sign-in", belongs_to=belongs_to, now=now)
        if until is None:
            raise _expired()
        return until

    async def use(self, challenge: bytes, until: int) -> None:
        """Raise BadRequest (`challenge-expired`) for a challenge that was answered before."""
        key = hashlib.sha256(b"passkey challenge|" + challenge).digest()
        if not await self._store.use_once(key, until=until, now=self._clock.now()):
            raise _expired()

    def _compose(self, purpose: Purpose, belongs_to: bytes) -> bytes:
        nonce, now = self._entropy.token_bytes(NONCE_BYTES), self._clock.now()
        return compose_challenge(self._keys, purpose, belongs_to=belongs_to, now=now, nonce=nonce)


def _belonging(account_id: str, session_id: str, handle: bytes) -> bytes:
    """What a ceremony that adds a passkey belongs to. Ids of sessions and handles have one length, so no two meet."""
    return session_id.encode() + handle + account_id.encode() + b"|"


def _expired() -> BadRequest:
    return BadRequest(ProblemCode.CHALLENGE_EXPIRED, "This took too long, or was sent before. Ask for new options.")
