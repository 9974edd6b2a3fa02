"""The signing keys of one process over time: derived ones first, then those kept in the store (PROTOCOL §7).

    look ─► rows of the store ─► unseal ─► choose for this moment ─► if that changed: guards and documents are told

The follower looks every few seconds and at every hint. So servers take over a rotation without a restart, and drop a
removed key as fast as a revoked session.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from gatepass.core import stored_key
from gatepass.core.keyring import Algorithm, KeyRing, SigningKey
from gatepass.core.policy import MINUTE
from gatepass.core.stored_key import NONCE_BYTES, SEED_BYTES, State, StoredKey
from gatepass.errors import ConfigurationError, GatepassError
from gatepass.ports import Clock, Entropy, KeyStore

logger = logging.getLogger("gatepass.keys")

PUBLISHED_BEFORE_USE = 600
"""Seconds: twice the time for which others may cache the key set, and far longer than the follower's interval."""
MAX_SKEW = MINUTE
"""Seconds by which the clocks of servers may differ: the most that `Policy.clock_skew` can be."""

Listener = Callable[[Sequence[SigningKey]], None]


class UnknownKey(GatepassError):
    """The key does not exist, or it cannot be retired. The message says what to do."""


class SigningKeys:
    """`current` are all keys that verify now; the first signs."""

    def __init__(
        self,
        ring: KeyRing,
        *,
        store: KeyStore,
        algorithm: Algorithm,
        kept: int,
        clock: Clock,
        entropy: Entropy,
        changed: Listener = lambda _keys: None,
    ) -> None:
        """`kept` is the longest life of a token in seconds, with tolerances; `changed` gets every new `current`."""
        self.current: Sequence[SigningKey] = ring.signing_keys
        self._ring = ring
        self._store = store
        self._algorithm: Algorithm = algorithm
        self._kept = kept
        self._clock = clock
        self._entropy = entropy
        self._changed = changed
        self._unsealed: dict[StoredKey, SigningKey] = {}
        self._unusable: set[str] = set()

    async def open(self) -> None:
        """Load the keys. Raises ConfigurationError for one that is needed and cannot be unsealed; StoreUnavailable."""
        rows = await self._store.signing_keys()
        self._check(rows)
        self._take(rows)
        await self._reseal(rows)

    async def look(self) -> None:
        """Take over what the store has now, and what has become due since. Raises StoreUnavailable."""
        self._take(await self._store.signing_keys())

    async def rotate(self, *, after: int = PUBLISHED_BEFORE_USE) -> StoredKey:
        """Make a key that signs in `after` seconds; until then it is published only.

        Raises ConfigurationError if a key of the store cannot be unsealed here: the servers that can would have no use
        for one that is sealed under another secret. Raises StoreUnavailable.
        """
        self._check(await self._store.signing_keys())
        now = self._clock.now()
        return await self._make(now, active_from=now + after)

    async def _make(self, now: int, *, active_from: int) -> StoredKey:
        made = stored_key.make(
            self._entropy.token_bytes(SEED_BYTES),
            nonce=self._entropy.token_bytes(NONCE_BYTES),
            under=self._ring.current,
            algorithm=self._algorithm,
            now=now,
            active_from=active_from,
        )
        await self._store.put_signing_key(made)
        await self.look()
        return made

    async def retire(self, kid: str, *, at_once: bool = False) -> StoredKey | None:
        """End a key: a published one never signs; with `at_once` any key is refused everywhere from now on.

        If the key is the one that signs, a new one signs from now on and is returned. Raises UnknownKey,
        StoreUnavailable.
        """
        rows = {row.kid: row for row in await self._store.signing_keys()}
        row = rows.get(kid)
        if row is None:
            derived = kid in {key.kid for key in self._ring.signing_keys}
            hint = "It is derived from a secret: replace the secret." if derived else "See: gatepass keys list"
            raise UnknownKey(f"There is no stored key {kid}. {hint}")
        state = self._states(rows.values())[kid]
        if state == "signs" and not at_once:
            raise UnknownKey("This key signs. Make its successor: gatepass keys rotate. Or, if it leaked: --at-once")
        now = self._clock.now()
        successor = None
        if state == "signs":
            # A server whose clock is behind must sign with it too: it no longer has the removed key, and would sign
            # with one that others refuse. But the key that is superseded was active before.
            active_from = min(now, max(now - MAX_SKEW, row.active_from + 1))
            successor = await self._make(now, active_from=active_from)
        await self._store.put_signing_key(replace(row, retired_at=row.retired_at or now, is_removed=at_once))
        await self.look()
        return successor

    async def listed(self) -> Sequence[tuple[StoredKey, State]]:
        """All stored keys with their states, newest first."""
        rows = await self._store.signing_keys()
        standing = self._states(rows)
        return [(row, standing[row.kid]) for row in sorted(rows, key=lambda row: row.active_from, reverse=True)]

    def unusable(self, rows: Sequence[StoredKey]) -> Sequence[str]:
        """The kids of the keys that are in use and cannot be unsealed with the secrets here."""
        standing = self._states(rows)
        used = [row for row in rows if standing[row.kid] != "gone"]
        return [row.kid for row in used if stored_key.unseal(row, self._ring) is None]

    def _check(self, rows: Sequence[StoredKey]) -> None:
        """Raise ConfigurationError for a key that is in use and cannot be unsealed."""
        for kid in self.unusable(rows):
            raise ConfigurationError(
                f"Signing key {kid} was sealed under a secret that is not among `secrets`: add that secret at the end. "
                f"Or, if that secret leaked, remove the key: gatepass keys retire {kid} --at-once"
            )

    def _take(self, rows: Sequence[StoredKey]) -> None:
        unsealed: dict[StoredKey, SigningKey] = {}
        standing = self._states(rows)
        for row in rows:
            if standing[row.kid] == "gone":
                continue
            key = self._unsealed.get(row) or stored_key.unseal(row, self._ring)
            if key is not None:
                unsealed[row] = key
            elif row.kid not in self._unusable:  # every look meets it again
                self._unusable.add(row.kid)
                logger.error("signing key %s cannot be unsealed with the secrets of this server", row.kid)
        self._unsealed = unsealed
        now = self._clock.now()
        chosen = stored_key.choose(self._ring.signing_keys, unsealed.items(), now=now, kept=self._kept)
        if [key.kid for key in chosen] != [key.kid for key in self.current]:
            self.current = chosen
            self._changed(chosen)

    def _states(self, rows: Iterable[StoredKey]) -> Mapping[str, State]:
        return stored_key.states(rows, now=self._clock.now(), kept=self._kept)

    async def _reseal(self, rows: Sequence[StoredKey]) -> None:
        """Seal all keys under the first secret, so that the others can be dropped once every server has that one."""
        for row in rows:
            moved = stored_key.reseal(row, self._ring, nonce=self._entropy.token_bytes(NONCE_BYTES))
            if moved is not None:
                await self._store.put_signing_key(moved)
                logger.info("signing key %s is sealed under the first secret now", row.kid)
