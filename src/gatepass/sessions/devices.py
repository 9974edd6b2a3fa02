"""The device of a session: challenged at sign-in, registered, proven again and again (PROTOCOL §11). Experimental.

    register   the browser has made a key and signed the challenge of the sign-in: the row gets the key, once
    prove      it has signed a challenge with that key: it earns the cookie that a refresh of the session needs

A session counts as bound from the first proof, not from the registration: the answer to that may be lost, and a browser
that never got it has no bound session to refresh with (P1).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from gatepass.core import device_challenge, device_key
from gatepass.core import event as events
from gatepass.core.device_challenge import Purpose
from gatepass.core.device_key import DeviceKey, InvalidDeviceProof
from gatepass.core.event import Event
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import RefreshToken
from gatepass.core.revocation_list import RevocationList
from gatepass.core.rotation import Ended, end_of
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.errors import BadRequest, Conflict, StoreUnavailable
from gatepass.ports import Clock, Entropy, EpochStore, SessionStore
from gatepass.problem_codes import ProblemCode


@dataclass(frozen=True, slots=True)
class Shown:
    """The proof holds: the device of the session made it."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """No proof, one for a challenge that is not valid any more, or one that another key made: ask for a new one."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The row has no device: the store lost the registration. The browser should forget it; the session goes on."""


class DeviceStore(SessionStore, EpochStore, Protocol):
    """What the service needs of a store."""


class Devices:
    """Challenges and registers the devices of sessions, and checks their proofs. A proof may name the `origins`."""

    def __init__(
        self,
        *,
        store: DeviceStore,
        keys: KeyRing,
        origins: Collection[str],
        clock: Clock,
        entropy: Entropy,
        revocations: RevocationList,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._origins = origins
        self._clock = clock
        self._entropy = entropy
        self._revocations = revocations
        self._report = report

    def challenge(self, sid: bytes, purpose: Purpose) -> str:
        """A new challenge for a session. Nothing is stored."""
        nonce = self._entropy.token_bytes(device_challenge.NONCE_BYTES)
        now = self._clock.now()
        return device_challenge.compose_challenge(self._keys, purpose=purpose, sid=sid, now=now, nonce=nonce)

    async def register(self, sid: bytes, text: str) -> None:
        """Record the key of a registration, signed for the challenge of the sign-in; again if it is the same one.

        Raises BadRequest (`invalid-device-proof`), Conflict (`device-refused`) if the session is over or has another
        device, or StoreUnavailable.
        """
        try:
            proof = device_key.read_registration(text)
        except InvalidDeviceProof as fault:
            raise BadRequest(ProblemCode.INVALID_DEVICE_PROOF, f"The proof cannot be used: {fault}.") from None
        if not self._is_for(proof.challenge, proof.claims, sid=sid, purpose="register"):
            raise BadRequest(ProblemCode.INVALID_DEVICE_PROOF, "The proof is not for the challenge of this sign-in.")
        now = self._clock.now()
        if not await self._store.set_device(sid, key=proof.key.to_bytes(), since=None, now=now):
            raise Conflict(ProblemCode.DEVICE_REFUSED, "The session has ended, or has another device.")

    async def prove(self, token: RefreshToken, text: str, *, ip_prefix: str) -> Shown | Unshown | Unregistered | Ended:
        """Check a proof for the session of an authentic refresh token. Writes only the first time that one holds."""
        now = self._clock.now()
        session = await self._store.find(token.sid)
        reason = end_of(session, now=now, epoch=self._revocations.epoch)
        if session is None or reason is not None:
            return Ended(reason or "unknown")
        if not session.device_key:
            return Unregistered()
        try:
            proof = device_key.read_refresh(text, DeviceKey.from_bytes(session.device_key))
        except InvalidDeviceProof:
            self._tell_unproven(token, now=now, ip_prefix=ip_prefix)
            return Unshown()
        if not self._is_for(proof.challenge, proof.claims, sid=token.sid, purpose="refresh"):
            return Unshown()
        if session.device_since is None:
            await self._bind(session, now=now, ip_prefix=ip_prefix)
        return Shown()

    async def _bind(self, session: Session, *, now: int, ip_prefix: str) -> None:
        if not await self._store.set_device(session.sid, key=session.device_key, since=now, now=now):
            raise StoreUnavailable("The session changed meanwhile; try again.")
        self._report(
            events.SessionDeviceBound(at=now, address=ip_prefix, account_id=session.account_id, sid=session.sid.hex())
        )

    def _is_for(self, challenge: str, claims: Mapping[str, Json], *, sid: bytes, purpose: Purpose) -> bool:
        """Whether a proof is for a challenge of ours, and, where it says so, for this session at this place."""
        if claims.get("sub", sid.hex()) != sid.hex():
            return False
        audience = claims.get("aud")
        if audience is not None and not any(_is_below(audience, origin) for origin in self._origins):
            return False
        now = self._clock.now()
        return device_challenge.is_challenge(challenge, self._keys, purpose=purpose, sid=sid, now=now)

    def _tell_unproven(self, token: RefreshToken, *, now: int, ip_prefix: str) -> None:
        self._report(
            events.RefreshUnproven(
                at=now, address=ip_prefix, sid=token.sid.hex(), generation=token.generation, reason="device"
            )
        )


def _is_below(url: Json, origin: str) -> bool:
    return isinstance(url, str) and url.startswith(origin + "/")
