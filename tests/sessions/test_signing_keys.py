"""A rotation as running servers live through it: published before use, verified after, picked up without a restart."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatepass.core.keyring import parse_secret
from gatepass.core.policy import HOUR, MINUTE, Policy
from gatepass.errors import ConfigurationError, InvalidToken
from gatepass.gate import Gatepass
from gatepass.sessions.signing_keys import UnknownKey
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import FastHasher, ManualClock
from tests.support.asgi import call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import OTHER_SECRET, SECRET
from tools.services.patience import patience


class Servers:
    """Two servers on one store and one clock."""

    def __init__(self, *, secrets: tuple[str, ...] = (SECRET,), store: MemoryStore | None = None) -> None:
        self.clock = ManualClock()
        self.store = store or MemoryStore()
        self.here, self.there = (
            Gatepass(secrets=secrets, public_url=ORIGIN, store=self.store, clock=self.clock, hasher=FastHasher())
            for _ in range(2)
        )

    async def __aenter__(self) -> "Servers":
        for gate in (self.here, self.there):
            await gate.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for gate in (self.here, self.there):
            await gate.close()

    async def look(self) -> None:
        """As the follower does every few seconds."""
        for gate in (self.here, self.there):
            await gate.keys.look()


def kid_of(gate: Gatepass) -> str:
    return gate.keys.current[0].kid


def holds(gate: Gatepass, token: str) -> bool:
    try:
        gate.check.principal([f"Bearer {token}"])
    except InvalidToken:
        return False
    return True


async def published(gate: Gatepass) -> list[str]:
    answer = await call(gate.asgi, "GET", "/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


async def test_a_new_key_is_published_at_once_and_signs_when_its_time_has_come() -> None:
    async with Servers() as at:
        old = kid_of(at.here)
        made = await at.here.keys.rotate(after=600)
        await at.look()
        for gate in (at.here, at.there):
            assert kid_of(gate) == old
            assert await published(gate) == [old, made.kid]
        at.clock.advance(600)
        await at.look()
        for gate in (at.here, at.there):
            assert kid_of(gate) == made.kid
            assert await published(gate) == [made.kid, old]


async def test_nobody_is_refused_while_servers_change_over_one_after_the_other() -> None:
    async with Servers() as at:
        ann = Browser(at.here.asgi)
        await ann.register()
        await at.here.keys.rotate(after=0)
        before = ann.access_token
        await ann.refresh()
        assert holds(at.here, before)
        assert holds(at.here, ann.access_token)
        assert not holds(at.there, ann.access_token), "the other server has not looked: hence `after`"
        await at.look()
        assert holds(at.there, ann.access_token)
        assert holds(at.there, before)


async def test_tokens_of_the_old_key_hold_until_they_expire_and_then_the_key_is_gone() -> None:
    async with Servers() as at:
        ann = Browser(at.here.asgi)
        await ann.register()
        old = kid_of(at.here)
        await at.here.keys.rotate(after=0)
        at.clock.advance(899)
        await at.look()
        assert holds(at.there, ann.access_token)
        at.clock.advance(100)
        await at.look()
        assert old not in await published(at.there)


async def test_a_removed_key_is_refused_everywhere_at_once_and_another_one_signs() -> None:
    async with Servers() as at:
        leaked = await at.here.keys.rotate(after=0)
        await at.look()
        ann = Browser(at.here.asgi)
        await ann.register()
        assert holds(at.there, ann.access_token), "and it is remembered there as verified"
        successor = await at.here.keys.retire(leaked.kid, at_once=True)
        await at.look()
        assert successor is not None
        for gate in (at.here, at.there):
            assert kid_of(gate) == successor.kid
            assert not holds(gate, ann.access_token)
            assert leaked.kid not in await published(gate)
        await ann.refresh()
        assert holds(at.there, ann.access_token), "the session goes on with one refresh"


async def test_beside_a_clock_that_is_behind_the_successor_of_a_removed_key_signs_at_once() -> None:
    async with Servers() as at:
        late = Gatepass(
            secrets=[SECRET],
            public_url=ORIGIN,
            store=at.store,
            clock=ManualClock(at.clock.now() + HOUR - Policy().clock_skew),
            hasher=FastHasher(),
        )
        await at.here.keys.rotate(after=0)
        at.clock.advance(HOUR - MINUTE)
        leaked = await at.here.keys.rotate(after=0)
        at.clock.advance(MINUTE)
        for _ in range(2):  # the successor may have leaked too
            successor = await at.here.keys.retire(leaked.kid, at_once=True)
            assert successor is not None
            await late.keys.look()
            assert kid_of(late) == kid_of(at.here) == successor.kid
            leaked = successor


async def test_what_cannot_be_retired_is_named_with_what_to_do() -> None:
    async with Servers() as at:
        derived = kid_of(at.here)
        signing = await at.here.keys.rotate(after=0)
        for kid, advice in ((derived, "replace the secret"), (signing.kid, "keys rotate"), ("no such", "keys list")):
            with pytest.raises(UnknownKey, match=advice):
                await at.here.keys.retire(kid)
        coming = await at.here.keys.rotate(after=600)
        assert await at.here.keys.retire(coming.kid) is None
        assert {row.kid: state for row, state in await at.here.keys.listed()} == {
            signing.kid: "signs",
            coming.kid: "gone",
        }


async def test_a_rotation_beside_a_running_server_reaches_it_without_a_restart(tmp_path: Path) -> None:
    """As `gatepass keys rotate` does on the file of a running server."""
    arguments = {"secrets": [SECRET], "public_url": ORIGIN, "store": f"sqlite:////{tmp_path / 'gate.db'}"}
    server, command = (Gatepass(**arguments, hasher=FastHasher()) for _ in range(2))  # type: ignore[arg-type]
    async with server.running():
        await command.store.open()
        made = await command.keys.rotate(after=0)
        await command.store.close()
        async with patience():
            while kid_of(server) != made.kid:
                await asyncio.sleep(0)


class TestSecrets:
    async def test_a_change_of_secrets_loses_no_key(self) -> None:
        store = MemoryStore()
        async with Servers(store=store) as at:
            made = await at.here.keys.rotate(after=0)
        for secrets in ((SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET), (OTHER_SECRET,)):
            async with Servers(secrets=secrets, store=store) as at:
                assert kid_of(at.here) == made.kid

    async def test_a_key_without_its_secret_refuses_to_start_and_says_what_to_do(self) -> None:
        store = MemoryStore()
        async with Servers(store=store) as at:
            made = await at.here.keys.rotate(after=0)
        stranger = Gatepass(secrets=[OTHER_SECRET], public_url=ORIGIN, store=store, clock=at.clock)
        with pytest.raises(ConfigurationError, match=f"keys retire {made.kid} --at-once"):
            await stranger.open()
        await stranger.keys.retire(made.kid, at_once=True)
        await stranger.open()
        assert kid_of(stranger) != made.kid
        await stranger.close()

    async def test_the_store_holds_nothing_that_a_key_could_be_made_from(self) -> None:
        async with Servers() as at:
            await at.here.keys.rotate(after=0)
            (row,) = await at.store.signing_keys()
            private = at.here.keys.current[0].private
            assert isinstance(private, Ed25519PrivateKey)
            assert private.private_bytes_raw() not in row.sealed
            assert parse_secret(SECRET) not in row.sealed


async def test_after_a_leak_the_keys_under_the_old_secret_are_removed_and_the_new_one_stands_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Until then nothing starts, and no key is made that the servers with the old secret could not unseal."""
    store = MemoryStore()

    def gate(secret: str) -> Gatepass:
        return Gatepass(secrets=[secret], public_url=ORIGIN, store=store, clock=ManualClock(), hasher=FastHasher())

    kid = (await gate(SECRET).keys.rotate(after=0)).kid
    after = gate(OTHER_SECRET)
    for refused in (after.open, after.keys.rotate):
        with pytest.raises(ConfigurationError, match=f"secret leaked, .*: gatepass keys retire {kid} --at-once"):
            await refused()
    assert [row.kid for row, _ in await after.keys.listed()] == [kid]
    successor = await after.keys.retire(kid, at_once=True)
    caplog.clear()
    restarted = gate(OTHER_SECRET)
    await restarted.open()
    assert successor is not None
    assert kid_of(restarted) == successor.kid
    await restarted.close()
    assert "cannot be unsealed" not in caplog.text
