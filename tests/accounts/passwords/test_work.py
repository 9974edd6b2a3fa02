"""Every comparison does the same work, whatever hash it is of: counted in calls and their parameters, not in time."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import argon2
import bcrypt
import pytest
from argon2.exceptions import VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st

from gatepass.accounts.passwords import work
from gatepass.accounts.passwords.foreign import cost_of
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper
from gatepass.accounts.passwords.rules import SAMPLE_INTERVAL
from gatepass.accounts.passwords.work import COMPARISON, Cost, EqualWork, Family
from gatepass.testing.records import account_of
from tests.accounts.passwords.test_foreign import MAKERS, django_hash
from tests.support.browser import Browser
from tests.support.gates import SECRET, GateHarness, open_gate

pytestmark = pytest.mark.usefixtures("real_hashes")
PASSWORD, WRONG = "pässword of old", "another one of old"


def own(memory: int = 19_456, passes: int = 2, lanes: int = 1) -> str:
    return argon2.PasswordHasher(memory_cost=memory, time_cost=passes, parallelism=lanes).hash(PASSWORD)


KINDS: dict[str, str | None] = {
    "none": None,
    "no password": "!",
    "another system's marker": "external 00ff",
    "today's": own(),
    "under a pepper that is gone": own().replace("p=1$", "p=1,keyid=AAAAAA$"),
    "more passes": own(passes=3),
    "most passes": own(passes=4),
    "other memory": own(memory=12_288, passes=3),
    "other lanes": own(memory=16_384, lanes=4),
    "more iterations": django_hash("PBKDF2PasswordHasher", iterations=5000)(PASSWORD),
    "higher cost": "$2b$06" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(6)).decode()[6:],
    "larger N": django_hash("ScryptPasswordHasher", work_factor=2**12)(PASSWORD),
    **{name: make(PASSWORD) for name, make in MAKERS.items()},
}
HASHES = [stored for stored in KINDS.values() if stored is not None]
Calls = Counter[tuple[Any, ...]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What would be computed: units of work by algorithm and parameters, and for Argon2 the number of calls.

    Nothing is computed, and nothing matches: `test_each_family_does_work` and `test_foreign.py` run the real functions.
    """
    counted: Calls = Counter()

    def note(*parameters: Any, units: int) -> None:
        counted[("units", *parameters)] += units
        if parameters[0] == "argon2":
            counted[("calls", *parameters)] += 1

    def verify_secret(encoded: bytes, *_: Any) -> bool:
        found = argon2.extract_parameters(encoded.decode())
        note("argon2", found.type.name, found.memory_cost, found.parallelism, units=found.time_cost)
        raise VerifyMismatchError

    def hash_secret_raw(_p: bytes, _s: bytes, passes: int, memory: int, lanes: int, _l: int, kind: Any) -> bytes:
        note("argon2", kind.name, memory, lanes, units=passes)
        return b""

    def pbkdf2_hmac(digest: str, _p: bytes, _s: bytes, iterations: int, length: int) -> bytes:
        note("pbkdf2", digest, -(-length // hashlib.new(digest).digest_size), units=iterations)
        return b""

    def scrypt(_p: bytes, *, n: int, r: int, p: int, **_: Any) -> bytes:
        note("scrypt", r, p, units=n)
        return b""

    def with_bcrypt(_p: bytes, salt: bytes) -> bool:
        note("bcrypt", units=1 << int(salt[4:6]))
        return False

    monkeypatch.setattr(argon2._password_hasher, "verify_secret", verify_secret)
    monkeypatch.setattr(work, "hash_secret_raw", hash_secret_raw)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", pbkdf2_hmac)
    monkeypatch.setattr(hashlib, "scrypt", scrypt)
    monkeypatch.setattr(bcrypt, "hashpw", with_bcrypt)
    monkeypatch.setattr(bcrypt, "checkpw", with_bcrypt)
    return counted


async def work_of(hasher: Argon2Hasher, stored: str | None, password: str, calls: Calls) -> Calls:
    calls.clear()
    await hasher.verify(stored, password)
    return Counter(calls)


@pytest.mark.parametrize("pepper", [Pepper(), Pepper([SECRET])], ids=["no pepper", "pepper"])
async def test_with_hashes_of_all_kinds_each_comparison_is_the_same_work(pepper: Pepper, calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1, pepper=pepper)
    hasher.expect(HASHES)
    expected = await work_of(hasher, None, WRONG, calls)
    assert len({key[1] for key in expected}) == 4, "all four algorithms are among it"
    for name, stored in KINDS.items():
        assert await work_of(hasher, stored, WRONG, calls) == expected, name


@pytest.mark.parametrize("name", KINDS)
async def test_beside_todays_hashes_alone_each_kind_is_the_same_work_as_none(name: str, calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1)
    hasher.expect([stored for stored in (KINDS["today's"], KINDS[name]) if stored])
    expected = await work_of(hasher, None, WRONG, calls)
    for stored in (KINDS["today's"], KINDS[name]):
        assert await work_of(hasher, stored, WRONG, calls) == expected


async def test_with_todays_hashes_alone_a_comparison_is_one_of_them(calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1)
    found = await work_of(hasher, None, WRONG, calls)
    assert found == {("units", "argon2", "ID", 19_456, 1): 2, ("calls", "argon2", "ID", 19_456, 1): 1}


async def test_where_parameters_were_raised_old_and_new_hashes_are_the_same_work(calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1, memory_cost=24_576, time_cost=3)
    hasher.expect([own(), own(24_576, 3)])
    expected = await work_of(hasher, None, WRONG, calls)
    assert expected[("units", "argon2", "ID", 19_456, 1)] == 2
    assert expected[("units", "argon2", "ID", 24_576, 1)] == 3
    for stored in (own(), own(24_576, 3)):
        assert await work_of(hasher, stored, WRONG, calls) == expected


async def test_a_kind_that_nothing_announced_is_done_for_everything_after_it(calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1)
    late = KINDS["bcrypt 2b"]
    expected = await work_of(hasher, late, WRONG, calls)
    assert await work_of(hasher, None, WRONG, calls) == expected


async def test_a_kind_whose_last_hash_is_gone_costs_nothing_any_more(calls: Calls) -> None:
    hasher = Argon2Hasher(threads=1)
    before = await work_of(hasher, None, WRONG, calls)
    hasher.expect(HASHES)
    assert await work_of(hasher, None, WRONG, calls) != before
    hasher.expect([own()])
    assert await work_of(hasher, None, WRONG, calls) == before


@pytest.mark.slow
async def test_the_right_password_is_told_whatever_else_is_done_beside() -> None:
    hasher = Argon2Hasher(threads=1)
    hasher.expect([own(), own(passes=3), MAKERS["bcrypt 2b"](PASSWORD), MAKERS["django scrypt"](PASSWORD)])
    for stored in (own(), own(passes=3), MAKERS["bcrypt 2b"](PASSWORD), MAKERS["django scrypt"](PASSWORD)):
        assert await hasher.verify(stored, PASSWORD)
        assert not await hasher.verify(stored, WRONG)


@pytest.mark.parametrize(
    "cost",
    [
        Cost(Family("argon2", ("argon2i", 1024, 2)), 1),
        Cost(Family("argon2", ("argon2id", 1024, 1)), 3),
        Cost(Family("pbkdf2", ("sha1", 2)), 1),
        Cost(Family("bcrypt"), 16),
        Cost(Family("scrypt", (8, 1)), 2),
    ],
    ids=str,
)
def test_each_family_does_work(cost: Cost) -> None:
    cost.spend()


class TestSteps:
    """The plan behind it, for any kinds."""

    costs = st.one_of(
        st.builds(Cost, st.sampled_from([Family("argon2", ("argon2id", m, 1)) for m in (8, 16)]), st.integers(1, 16)),
        st.builds(Cost, st.just(Family("pbkdf2", ("sha256", 1))), st.integers(1, 3_000_000)),
        st.builds(Cost, st.just(Family("bcrypt")), st.integers(4, 15).map(lambda cost: 1 << cost)),
        st.builds(Cost, st.just(Family("scrypt", (8, 1))), st.integers(1, 17).map(lambda n: 1 << n)),
    )

    @given(st.lists(costs, min_size=1, max_size=8))
    def test_units_of_each_family_are_the_same_for_every_kind_and_for_none(self, kinds: list[Cost]) -> None:
        plan = EqualWork(kinds[0])
        plan.expect(kinds)
        sums = []
        for kind in (None, *kinds):
            units: Counter[Family] = Counter()
            calls: Counter[Family] = Counter()
            for step in plan.steps(kind):
                cost = kind if step is COMPARISON else step
                assert cost is not None
                units[cost.family] += cost.units
                calls[cost.family] += not cost.family.doubles
            sums.append((units, calls))
        assert sums == [sums[0]] * len(sums)

    def test_the_comparison_is_there_once_and_for_none_not_at_all(self) -> None:
        plan = EqualWork(cost_of(own()))
        assert list(plan.steps(cost_of(own()))) == [COMPARISON]
        assert COMPARISON not in plan.steps(None)


class TestSignIn:
    """At the endpoint, with the kinds that are in the store."""

    @pytest.fixture
    async def at(self) -> AsyncIterator[GateHarness]:
        async with open_gate(hasher=Argon2Hasher(threads=1)) as made:
            yield made

    async def login(self, at: GateHarness, email: str, calls: Calls) -> Calls:
        calls.clear()
        assert (await Browser(at.gate.asgi).login(email, WRONG)).status == 401
        return Counter(calls)

    async def test_kinds_are_known_from_the_store_at_start(self, calls: Calls) -> None:
        at = GateHarness(hasher=Argon2Hasher(threads=1))
        for name, stored in KINDS.items():
            email = f"{name.replace(' ', '.')}@example.com"
            await at.memory.add_account(account_of(name, email=email, email_key=email, password_hash=stored or ""))
        disabled = account_of("disabled", password_hash=own(), disabled_at=1)
        await at.memory.add_account(disabled)
        async with at.gate.running():
            expected = await self.login(at, "nobody@example.com", calls)
            assert len({key[1] for key in expected}) == 4
            for email in [account.email_key for account in at.memory._accounts.values()]:
                at.clock.advance(24 * 3600)
                assert await self.login(at, email, calls) == expected, email

    async def test_what_another_process_imports_is_known_a_minute_later(self, at: GateHarness, calls: Calls) -> None:
        before = await self.login(at, "nobody@example.com", calls)
        await at.memory.add_account(account_of(password_hash=KINDS["bcrypt 2b"]))
        at.clock.advance(SAMPLE_INTERVAL)
        after = await self.login(at, "nobody@example.com", calls)
        assert after[("units", "bcrypt")] > before[("units", "bcrypt")]
        assert await self.login(at, "ann@example.com", calls) == after
