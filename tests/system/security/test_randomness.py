"""What must not be guessed comes from the operating system, byte for byte (RC-05, ASVS 11.5.1)."""

import base64
import json
import os
import random
import secrets

import httpx2
import pytest

from gatepass.accounts.passwords.hashing import Argon2Hasher
from gatepass.client import Client, ClientError
from gatepass.core.binding import key_id_of
from gatepass.core.keyring import SigningKey
from tests.support.browser import PASSWORD, Browser
from tests.support.gates import open_gate
from tests.system.security.test_tokens import part


class Drawn:
    """Every draw from the operating system's generator since the test began."""

    def __init__(self) -> None:
        self.draws: list[bytes] = []
        self._system = os.urandom

    def __call__(self, count: int) -> bytes:
        self.draws.append(self._system(count))
        return self.draws[-1]

    def __contains__(self, value: object) -> bool:
        """Whether one draw, and not a part of one or something made of it, is this value."""
        return value in self.draws


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    noted = Drawn()
    monkeypatch.setattr(os, "urandom", noted)
    monkeypatch.setattr(random, "_urandom", noted)  # the name under which `secrets` reaches it
    assert secrets.token_bytes(16) in noted
    return noted


def raw(browser: Browser) -> bytes:
    return base64.urlsafe_b64decode(browser.rt.removeprefix("gp_rt_") + "==")


def decoded(text: object) -> bytes:
    return base64.urlsafe_b64decode(f"{text}==")


SID, NONCE = slice(3, 19), slice(23, 39)


async def test_every_random_part_of_a_token_is_one_draw_of_128_bits(drawn: Drawn) -> None:
    async with open_gate() as at:
        browser = Browser(at.gate.asgi, key=None)
        made = await browser.register()
        first = raw(browser)
        assert first[SID].hex() == browser.sid
        assert first[SID] in drawn
        assert first[NONCE] in drawn
        assert decoded(part(browser.access_token, 1)["jti"]) in drawn
        assert bytes.fromhex(made.json()["account"]["id"]) in drawn
        assert (await browser.refresh()).status == 200
        assert raw(browser)[NONCE] in drawn, "without a key the successor is drawn too"
        assert decoded(part(browser.access_token, 1)["jti"]) in drawn


async def test_in_a_bound_session_every_token_is_a_function_of_the_one_drawn_nonce(drawn: Drawn) -> None:
    """So that a lost answer can be given again. Beside the name of the key, 64 bits of the session's id are drawn."""
    async with open_gate() as at:
        first, second = Browser(at.gate.asgi), Browser(at.gate.asgi)
        await first.register("one@example.com")
        await second.register("two@example.com")
        assert first.key == second.key
        for browser in (first, second):
            before = raw(browser)
            assert before[NONCE] in drawn
            assert before[SID][:8] == key_id_of(browser.key or b"")
            assert before[SID][8:] in drawn
            await browser.refresh()
            assert raw(browser)[NONCE] == before[NONCE]
        assert raw(first)[NONCE] != raw(second)[NONCE]


async def test_a_signing_key_that_is_made_is_256_drawn_bits(drawn: Drawn) -> None:
    async with open_gate() as at:
        made = await at.gate.keys.rotate()
    seeds = [draw for draw in drawn.draws if len(draw) == 32]
    assert made.kid in [SigningKey.from_secret(seed, "EdDSA").kid for seed in seeds]


def test_a_binding_key_of_the_python_client_is_256_drawn_bits_and_another_one_at_each_sign_in(drawn: Drawn) -> None:
    sent: list[bytes] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        sent.append(decoded(json.loads(request.content)["binding_secret"]))
        return httpx2.Response(503)

    with Client("https://api.example.com", transport=httpx2.MockTransport(refuse)) as api:
        for _ in range(2):
            with pytest.raises(ClientError):
                api.sign_in("ann@example.com", PASSWORD)
    assert [len(key) for key in sent] == [32, 32]
    assert sent[0] != sent[1]
    assert all(key in drawn for key in sent)


async def test_each_password_has_a_salt_of_its_own_of_128_drawn_bits(drawn: Drawn) -> None:
    hasher = Argon2Hasher()
    salts = [base64.b64decode((await hasher.hash(PASSWORD)).split("$")[4] + "==") for _ in range(2)]
    assert all(salt in drawn and len(salt) == 16 for salt in salts)
    assert salts[0] != salts[1]
