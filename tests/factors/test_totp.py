"""An authenticator app: enrolled by a first code, each code once, and no guesser gets far."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from gatepass.core import totp
from gatepass.core.account import Account
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import HOUR
from gatepass.core.secret import Secret
from gatepass.core.throttle import LIFETIME, PER_ACCOUNT, PER_GUESSER
from gatepass.errors import Conflict, Forbidden, InvalidCode, TooManyAttempts
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.totp import CONFIRM_TIMEOUT, Totps
from gatepass.testing.records import account_of, session_of
from gatepass.testing.totp import totp_code
from tests.support.browser import ORIGIN
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate

HOME = "192.0.2.0/24"


@dataclass
class Person:
    """An account with a confirmed app, its secret, and what it was given."""

    at: GateHarness
    account: Account
    secret: Secret
    codes: list[Secret]

    @property
    def totps(self) -> Totps:
        return self.at.gate._parts.totps

    @property
    def recovery_codes(self) -> RecoveryCodes:
        return self.at.gate._parts.recovery_codes

    def code(self, *, ahead: int = 0) -> Secret:
        return Secret(totp_code(self.secret.reveal(), at=self.at.clock.now() + ahead * totp.PERIOD))

    async def reread(self) -> Account:
        found = await self.at.gate.store.find_account(self.account.id)
        assert found is not None
        return found

    async def guess(self, *, ip_prefix: str = "198.51.100.0/24") -> bool:
        """Whether a wrong code was looked at."""
        with pytest.raises((InvalidCode, TooManyAttempts)) as refused:
            await self.totps.verify(self.account, Secret("12345x"), ip_prefix=ip_prefix)
        return refused.type is InvalidCode


async def enrol(at: GateHarness, name: str = "ann") -> Person:
    await at.gate.store.add_account(account_of(name))
    account = account_of(name)
    setup = await at.gate._parts.totps.start(account)
    person = Person(at, account, setup.secret, [])
    person.codes = list(await person.totps.confirm(account, person.code()))
    person.account = await person.reread()
    at.clock.advance(totp.PERIOD)
    return person


@pytest.fixture
async def ann() -> AsyncIterator[Person]:
    async with open_gate() as at:
        yield await enrol(at)


async def test_a_first_code_confirms_the_app_and_brings_ten_recovery_codes(ann: Person) -> None:
    assert len({code.reveal() for code in ann.codes}) == 10
    assert await ann.at.gate.store.factors(ann.account.id) == (0, True, 10, None)
    assert [event.name for event in ann.at.events if "factor" in event.name] == ["user_factor_add"]
    assert ann.account.credential_version == 2, "a sign-in that was under way is void"


async def test_until_then_nothing_is_asked_for_it_and_a_new_start_takes_its_place() -> None:
    async with open_gate() as at:
        account = account_of()
        await at.gate.store.add_account(account)
        totps = at.gate._parts.totps
        first, second = await totps.start(account), await totps.start(account)
        assert not (await at.gate.store.factors(account.id)).has_second
        now = at.clock.now()
        with pytest.raises(InvalidCode):
            await totps.verify(account, Secret(totp_code(second.secret.reveal(), at=now)))
        with pytest.raises(InvalidCode):
            await totps.confirm(account, Secret(totp_code(first.secret.reveal(), at=now)))
        await totps.confirm(account, Secret(totp_code(second.secret.reveal(), at=now)))


async def test_a_secret_that_was_shown_and_never_used_is_void_after_an_hour() -> None:
    async with open_gate() as at:
        account = account_of()
        await at.gate.store.add_account(account)
        totps = at.gate._parts.totps
        with pytest.raises(Conflict, match="totp-not-started"):
            await totps.confirm(account, Secret("123456"))
        setup = await totps.start(account)
        at.clock.advance(CONFIRM_TIMEOUT + 1)
        with pytest.raises(Conflict, match="totp-not-started"):
            await totps.confirm(account, Secret(totp_code(setup.secret.reveal(), at=at.clock.now())))


async def test_an_app_that_counts_is_not_replaced_unasked(ann: Person) -> None:
    with pytest.raises(Conflict, match="factor-exists"):
        await ann.totps.start(ann.account)
    with pytest.raises(Conflict, match="factor-exists"):
        await ann.totps.confirm(ann.account, ann.code())


async def test_what_was_prepared_for_the_account_as_it_was_is_void() -> None:
    async with open_gate() as at:
        account = account_of()
        await at.gate.store.add_account(account)
        totps = at.gate._parts.totps
        setup = await totps.start(account)
        await at.gate.store.change_password(account.id, password_hash="x", credential_version=1, now=0, keep=None)
        with pytest.raises(Conflict, match="password-changed"):
            await totps.confirm(account, Secret(totp_code(setup.secret.reveal(), at=at.clock.now())))


async def test_a_code_works_once_also_of_many_requests_at_once_and_so_does_the_one_that_confirmed(ann: Person) -> None:
    ann.at.clock.advance(-totp.PERIOD)
    with pytest.raises(InvalidCode):
        await ann.totps.verify(ann.account, ann.code(), ip_prefix=HOME)
    ann.at.clock.advance(totp.PERIOD)
    code = ann.code()
    tries = await asyncio.gather(
        *(ann.totps.verify(ann.account, code, ip_prefix=HOME) for _ in range(4)), return_exceptions=True
    )
    assert sum(each is None for each in tries) == 1
    ann.at.clock.advance(HOUR)
    await ann.totps.verify(ann.account, ann.code(), ip_prefix=HOME)
    with pytest.raises(InvalidCode):
        await ann.totps.verify(ann.account, ann.code(ahead=-1), ip_prefix=HOME)


async def test_a_clock_may_be_half_a_minute_off(ann: Person) -> None:
    await ann.totps.verify(ann.account, ann.code(ahead=1), ip_prefix=HOME)
    with pytest.raises(InvalidCode):
        await ann.totps.verify(ann.account, ann.code(ahead=2), ip_prefix=HOME)


async def test_the_code_of_another_account_or_of_none_is_wrong(ann: Person) -> None:
    bob = await enrol(ann.at, "bob")
    with pytest.raises(InvalidCode):
        await ann.totps.verify(ann.account, bob.code(), ip_prefix=HOME)
    await ann.at.gate.store.add_account(account_of("eve"))
    with pytest.raises(InvalidCode):
        await ann.totps.verify(account_of("eve"), ann.code(), ip_prefix=HOME)


async def test_a_stolen_password_clears_no_count_of_codes(ann: Person) -> None:
    """The bypass of a lock-out that other systems had: five guesses, the password again, five guesses more."""
    for _ in range(PER_GUESSER.free):
        assert await ann.guess()
        await ann.at.gate._parts.accounts._throttle.clear(ann.account.email_key, ip_prefix="198.51.100.0/24")
    assert not await ann.guess()


async def test_of_a_burst_of_guesses_no_more_are_looked_at_than_may_be_tried(ann: Person) -> None:
    assert sum(await asyncio.gather(*(ann.guess() for _ in range(40)))) == PER_GUESSER.free


async def test_nor_of_a_burst_from_many_networks(ann: Person) -> None:
    guesses = (ann.guess(ip_prefix=f"198.51.{net}.0/24") for net in range(60))
    assert sum(await asyncio.gather(*guesses)) == PER_ACCOUNT.free


async def test_after_eighty_guesses_no_stranger_gets_in_by_an_app_and_a_recovery_code_does(ann: Person) -> None:
    looked_at = 0
    for number in range(3 * LIFETIME.free):
        looked_at += await ann.guess(ip_prefix=f"198.51.{number % 250}.0/24")
        ann.at.clock.advance(HOUR // 4)
    assert looked_at == LIFETIME.free
    with pytest.raises(TooManyAttempts):
        await ann.totps.verify(ann.account, ann.code(), ip_prefix="203.0.113.0/24")
    await ann.recovery_codes.use(ann.account, ann.codes[0], ip_prefix="203.0.113.0/24")
    await ann.totps.verify(ann.account, ann.code(), ip_prefix="203.0.113.0/24")


async def test_a_device_that_is_signed_in_does_not_wait_for_strangers(ann: Person) -> None:
    session = session_of(ann.account, expires_at=ann.at.clock.now() + HOUR)
    await ann.at.gate.store.add(session, credential_version=ann.account.credential_version)
    for net in range(PER_ACCOUNT.free + 5):
        await ann.guess(ip_prefix=f"198.51.{net}.0/24")
    with pytest.raises(TooManyAttempts):
        await ann.totps.verify(ann.account, ann.code(), ip_prefix="203.0.113.0/24")
    await ann.totps.verify(ann.account, ann.code(), ip_prefix="203.0.113.0/24", devices=(session.sid,))


async def test_a_right_code_forgives_the_wrong_ones(ann: Person) -> None:
    for _ in range(PER_GUESSER.free - 1):
        assert await ann.guess(ip_prefix=HOME)
    await ann.totps.verify(ann.account, ann.code(), ip_prefix=HOME)
    for _ in range(PER_GUESSER.free):
        assert await ann.guess(ip_prefix=HOME)


async def test_a_wrong_code_is_an_event_of_its_own(ann: Person) -> None:
    await ann.guess()
    (failed,) = ann.at.named("authn_factor_fail")
    assert vars_of(failed) == {"account_id": ann.account.id, "factor": "totp", "address": "198.51.100.0/24"}


async def test_without_the_app_the_account_has_no_second_factor_and_no_codes(ann: Person) -> None:
    assert await ann.totps.remove(ann.account)
    assert await ann.at.gate.store.factors(ann.account.id) == (0, False, 0, None)
    assert not await ann.totps.remove(await ann.reread())
    with pytest.raises(InvalidCode):
        await ann.recovery_codes.use(ann.account, ann.codes[0], ip_prefix=HOME)


async def test_a_recovery_code_works_once_and_is_told(ann: Person) -> None:
    tries = await asyncio.gather(
        *(ann.recovery_codes.use(ann.account, ann.codes[0], ip_prefix=HOME) for _ in range(4)), return_exceptions=True
    )
    assert sum(each is None for each in tries) == 1
    (used,) = ann.at.named("authn_recovery_code_used")
    assert vars_of(used) == {"account_id": ann.account.id, "left": 9, "address": HOME}
    typed = Secret(ann.codes[1].reveal().lower().replace("-", " "))
    await ann.recovery_codes.use(ann.account, typed, ip_prefix=HOME)


async def test_new_recovery_codes_make_the_old_ones_void(ann: Person) -> None:
    fresh = await ann.recovery_codes.renew(ann.account)
    assert not {code.reveal() for code in fresh} & {code.reveal() for code in ann.codes}
    with pytest.raises(InvalidCode):
        await ann.recovery_codes.use(ann.account, ann.codes[0], ip_prefix=HOME)
    await ann.recovery_codes.use(ann.account, fresh[0], ip_prefix=HOME)
    with pytest.raises(Conflict, match="password-changed"):
        await ann.recovery_codes.renew(ann.account)
    await ann.at.gate.store.add_account(account_of("eve"))
    with pytest.raises(Forbidden, match="no-second-factor"):
        await ann.recovery_codes.renew(account_of("eve"))


async def test_no_app_is_lost_when_the_secret_of_the_server_changes(ann: Person) -> None:
    rolled = GateHarness(secrets=[OTHER_SECRET, SECRET], store=ann.at.store, clock=ann.at.clock)
    await rolled.gate._parts.totps.verify(ann.account, ann.code(), ip_prefix=HOME)
    await rolled.gate._parts.totps.reseal()
    ann.at.clock.advance(totp.PERIOD)
    after = GateHarness(secrets=[OTHER_SECRET], store=ann.at.store, clock=ann.at.clock)
    await after.gate._parts.totps.verify(ann.account, ann.code(), ip_prefix=HOME)


async def test_what_cannot_be_opened_stays_and_holds_nothing_up(ann: Person) -> None:
    memory = ann.at.memory
    row = memory._totps[ann.account.id]
    broken = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    await memory.reseal_totp(ann.account.id, before=row.sealed, after=broken)
    rolled = GateHarness(secrets=[OTHER_SECRET, SECRET], store=ann.at.store, clock=ann.at.clock)
    await rolled.gate._parts.totps.reseal()
    assert memory._totps[ann.account.id].sealed == broken


async def test_more_of_them_than_one_batch_keep_no_other_from_being_sealed_anew(
    ann: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gatepass.factors.totp.MAX_BATCH", 2)
    memory = ann.at.memory
    row = memory._totps[ann.account.id]
    for number in range(5):
        lost = account_of(f"eve{number}")
        await memory.add_account(lost)
        memory._totps = {lost.id: replace(row, account_id=lost.id), **memory._totps}
    rolled = GateHarness(secrets=[OTHER_SECRET, SECRET], store=ann.at.store, clock=ann.at.clock)
    for _ in range(2):
        assert await rolled.gate._parts.totps.reseal() == 5
    assert memory._totps[ann.account.id].sealed[0] != row.sealed[0]
    assert caplog.text.count("5 authenticator apps") == 1


def test_the_key_of_the_seal_is_no_other_key() -> None:
    keys = KeyRing([bytes(range(32))]).current
    assert len({keys.totp, keys.seal, keys.link, keys.device, keys.errand, keys.ticket}) == 6
    assert ORIGIN not in repr(keys)


def vars_of(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__ if name != "at"} | {  # type: ignore[attr-defined]
        "address": event.address  # type: ignore[attr-defined]
    }
