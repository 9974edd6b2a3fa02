"""Rows as bytes: those of this version, and those of the version before, whose sessions are over."""

from dataclasses import replace

import pytest

from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from gatepass.errors import StoreUnavailable
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.redis.layout import pack_session, unpack_session
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.records import NOW, account_of, digest, session_of, swap_of
from tools.services.valkey import flush, shared_server

BEFORE = bytes.fromhex(
    "01000000000000000000000000006b715f000000000000000003dd05bad0d2c8c525ba660a23e46eca82498093999a6f6144bcd2af55660ecd77"
    "000000006b49d23c0045000000006b49d200000000006b49d2000100200010666135353031346264373636383434316237363463343432306438"
    "613162376246697265666f78206f6e204c696e7578000c3139322e302e322e302f32346d901f05646c4418781d4501c47b804c9b7422ba0a9a00"
    "298f90694e9c76fe4f"
)
"""A row of format 1, as the version before wrote it: generation 3, with a key's hash and one ancestor."""
OVER = session_of(
    account_of(),
    generation=3,
    fingerprint=bytes.fromhex("dd05bad0d2c8c525ba660a23e46eca82"),
    committed_at=NOW + 60,
    methods=(),
)


def test_a_row_of_the_version_before_is_read_as_unbound_without_methods() -> None:
    assert unpack_session(OVER.sid, BEFORE) == OVER


WITHOUT_ACR = bytes.fromhex(
    "02000000000000000000000000006b715f00ffffffffffffffffdd05bad0d2c8c525ba660a23e46eca820000000000000000000000000000000"
    "0000000006b49d2000058000000006b49d200000000006b49d200010020001066613535303134626437363638343431623736346334343230643"
    "8613162376246697265666f78206f6e204c696e7578707764206f74700000000000000000006b6579000c3139322e302e322e302f3234"
)
"""A row as it was written before there was an acr: two methods, and a device that has proven nothing yet."""


def test_a_row_of_before_there_was_an_acr_is_the_row_of_today_without_one() -> None:
    session = session_of(account_of(), methods=("pwd", "otp"), device_key=b"key")
    assert unpack_session(session.sid, WITHOUT_ACR) == session
    assert pack_session(session) == WITHOUT_ACR


def test_a_row_of_a_later_version_is_refused() -> None:
    later = b"\x04" + pack_session(OVER)[1:]
    with pytest.raises(StoreUnavailable, match="another version"):
        unpack_session(OVER.sid, later)


@pytest.mark.parametrize("binding", [NO_BINDING, digest("binding")])
@pytest.mark.parametrize("previous", [NO_FINGERPRINT, digest("previous")])
@pytest.mark.parametrize("methods", [(), ("pwd",), ("pwd", "otp", "mfa")])
@pytest.mark.parametrize("client", ["", "Firefox on Linux", "\u00fc\U0001f511"])
def test_a_row_is_read_as_it_was_written(
    binding: bytes, previous: bytes, methods: tuple[str, ...], client: str
) -> None:
    session = replace(OVER, binding=binding, previous=previous, methods=methods, client=client)
    assert unpack_session(session.sid, pack_session(session)) == session


@pytest.mark.parametrize("methods", [(), ("pwd", "otp")])
@pytest.mark.parametrize("acr", ["", "urn:example:gold"])
@pytest.mark.parametrize("since", [None, NOW])
def test_a_row_with_a_device_is_read_as_it_was_written(methods: tuple[str, ...], since: int | None, acr: str) -> None:
    session = replace(OVER, methods=methods, acr=acr, device_key=b"\x00key\x00 \xff", device_since=since)
    packed = pack_session(session)
    assert packed[0] == (2 if since is None else 3)
    assert unpack_session(session.sid, packed) == session


def test_a_bound_row_is_as_long_as_what_it_says() -> None:
    session = session_of(account_of(), binding=digest("binding"))
    assert len(pack_session(session)) <= 160


@pytest.mark.slow
async def test_a_session_of_the_version_before_is_listed_and_revoked_and_pruned_but_never_swapped() -> None:
    server = shared_server()
    flush([server])
    store = CombinedStore(sessions=RedisStore(server.url), accounts=MemoryStore())
    await store.open()
    await store.add_account(account_of())
    assert await store.add(OVER, credential_version=1)
    assert isinstance(store.sessions, RedisStore)
    await store.sessions._run(Call.of(b"SET", store.sessions._keys.row(OVER.sid), BEFORE, b"KEEPTTL"))
    assert await store.find(OVER.sid) == OVER
    assert list(await store.list_for_account(OVER.account_id, now=NOW)) == [OVER]
    assert await store.swap(swap_of(OVER)) is None
    ended = await store.revoke(OVER.sid, reason="revoked", now=NOW + 1)
    assert ended == replace(OVER, revoked_at=NOW + 1, revoke_reason="revoked")
    assert [sid for sid, _ in await store.revoked_since(NOW)] == [OVER.sid]
    assert await store.prune(before=NOW + 2, limit=9) == 1
    assert await store.find(OVER.sid) is None
    await store.close()
