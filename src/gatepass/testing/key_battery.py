"""The contract of KeyStore: each test says one sentence of it."""

from dataclasses import replace

from gatepass.core.stored_key import StoredKey
from gatepass.ports import Store
from gatepass.testing.records import NOW


class KeyBattery:
    """Signing keys, exactly as they were stored."""

    async def test_a_signing_key_is_found_as_it_was_put_and_replaced_by_kid(self, store: Store) -> None:
        first = StoredKey("first", "EdDSA", bytes(range(61)), NOW, NOW + 600)
        other = StoredKey("other", "ES256", bytes(61), NOW, NOW, NOW + 1, is_removed=True)
        assert list(await store.signing_keys()) == []
        for key in (first, other):
            await store.put_signing_key(key)
        assert {key.kid: key for key in await store.signing_keys()} == {"first": first, "other": other}
        retired = replace(first, sealed=b"\xff" * 61, retired_at=NOW + 900)
        await store.put_signing_key(retired)
        assert {key.kid: key for key in await store.signing_keys()} == {"first": retired, "other": other}
