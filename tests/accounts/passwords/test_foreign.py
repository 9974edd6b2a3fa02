"""Hashes of other programs, made here by those programs themselves; and the pepper over our own."""

import asyncio
import base64
from collections.abc import Callable

import bcrypt
import django.contrib.auth.hashers as django_hashers
import pytest
import werkzeug.security
from django.conf import settings

from gatepass.accounts.passwords.foreign import UnsupportedHash, is_foreign, read_foreign
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper
from gatepass.core.keyring import Secrets
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from tests.support.browser import EMAIL, Browser
from tests.support.cheap_hashes import MEMORY
from tests.support.full import FULL
from tests.support.gates import OTHER_SECRET, SECRET, open_gate
from tools.services.patience import patience

PASSWORD = "pässword of old"
OURS = "$argon2id$v=19$m=19456,t=2,p=1$" if FULL else f"$argon2id$v=19$m={MEMORY},t=1,p=1$"
if not settings.configured:
    settings.configure()


def django_hash(name: str, **facts: object) -> Callable[[str], str]:
    def make(password: str) -> str:
        hasher = getattr(django_hashers, name)()
        for fact, value in facts.items():
            setattr(hasher, fact, value)
        made: str = hasher.encode(password, hasher.salt() if "BCrypt" in name else "saltsaltsaltsaltsalt")
        return made

    return make


MAKERS: dict[str, Callable[[str], str]] = {
    "django pbkdf2_sha256": django_hash("PBKDF2PasswordHasher", iterations=2000),
    "django pbkdf2_sha1": django_hash("PBKDF2SHA1PasswordHasher", iterations=2000),
    "django argon2": django_hash("Argon2PasswordHasher", memory_cost=1024, parallelism=2),
    "django bcrypt_sha256": django_hash("BCryptSHA256PasswordHasher", rounds=4),
    "django bcrypt": django_hash("BCryptPasswordHasher", rounds=4),
    "django scrypt": django_hash("ScryptPasswordHasher", work_factor=2**10),
    "werkzeug scrypt": lambda password: werkzeug.security.generate_password_hash(password, "scrypt:1024:8:1"),
    "werkzeug pbkdf2": lambda password: werkzeug.security.generate_password_hash(password, "pbkdf2:sha512:2000"),
    "bcrypt 2b": lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(),
    "bcrypt 2a": lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode(),
    "bcrypt 2y": lambda password: "$2y" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()[3:],
}


@pytest.fixture(scope="module")
def hasher() -> Argon2Hasher:
    return Argon2Hasher(threads=1)


@pytest.mark.parametrize("name", MAKERS)
async def test_a_hash_of_another_program_opens_for_its_password_alone(name: str, hasher: Argon2Hasher) -> None:
    stored = MAKERS[name](PASSWORD)
    assert await hasher.verify(stored, PASSWORD)
    for other in (PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), "", "\0"):
        assert not await hasher.verify(stored, other)
    assert hasher.is_outdated(stored)
    assert is_foreign(stored)


@pytest.mark.parametrize("name", MAKERS)
async def test_the_first_sign_in_replaces_it_by_one_of_ours(name: str) -> None:
    async with open_gate(hasher=Argon2Hasher(threads=1)) as at:
        await at.gate.accounts.add(EMAIL, Secret("seven green bottles on a wall"), email_key=EMAIL)
        (account,) = at.memory._accounts.values()
        stored = MAKERS[name](PASSWORD)
        await at.memory.rehash_password(account.id, password_hash=stored, credential_version=1)
        assert (await Browser(at.gate.asgi).login(EMAIL, "wrong wrong wrong")).status == 401
        assert at.memory._accounts[account.id].password_hash == stored
        assert (await Browser(at.gate.asgi).login(EMAIL, PASSWORD)).status == 200
        renewed = at.memory._accounts[account.id]
        assert renewed.password_hash.startswith(OURS)
        assert renewed.credential_version == account.credential_version
        assert (await Browser(at.gate.asgi).login(EMAIL, PASSWORD)).status == 200


async def test_bcrypt_compares_what_it_was_made_of(hasher: Argon2Hasher) -> None:
    """The first 72 bytes, as every bcrypt of the time did; Django's bcrypt_sha256 compares all of it."""
    long = "x" * 80
    assert await hasher.verify(bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode(), long)
    assert not await hasher.verify(MAKERS["django bcrypt_sha256"](long), long[:72])


SALT, HASH = "c2FsdHNhbHRzYWx0", base64.b64encode(b"h" * 32).decode()


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "!unusable",
        f"pbkdf2_sha256$10000000000$salt${HASH}",
        f"pbkdf2_sha256$999999999$salt${HASH}",
        f"pbkdf2_sha256$0$salt${HASH}",
        f"pbkdf2_sha256$-1$salt${HASH}",
        f"pbkdf2_sha256$1000$salt$with$dollar${HASH}",
        f"pbkdf2_sha256$1000$salt${HASH[:-1]}!",
        f"pbkdf2_sha256$1000$${HASH}",
        f"pbkdf2_md5$1000$salt${HASH}",
        "pbkdf2:sha256:10000000000$salt$" + "ab" * 32,
        "pbkdf2:sha256:1000$salt$" + "ab" * 31 + "a",
        "scrypt:1073741824:8:1$salt$" + "ab" * 64,
        "scrypt:1000:8:1$salt$" + "ab" * 64,
        "scrypt:16384:8:999$salt$" + "ab" * 64,
        "scrypt:16384:0:1$salt$" + "ab" * 64,
        f"scrypt$67108864$salt$8$1${HASH}",
        "$2b$31$" + "a" * 53,
        "$2b$03$" + "a" * 53,
        "$2b$12$" + "a" * 52,
        "$2x$12$" + "a" * 53,
        "bcrypt_sha256$$2b$31$" + "a" * 53,
        f"$argon2id$v=19$m=9999999,t=2,p=1${SALT}${HASH[:-1]}",
        f"$argon2id$v=19$m=65536,t=999,p=1${SALT}${HASH[:-1]}",
        f"$argon2id$v=19$m=65536,t=2,p=200${SALT}${HASH[:-1]}",
        f"$argon2id$v=16$m=65536,t=2,p=1${SALT}${HASH[:-1]}",
        f"argon2$argon2id$v=19$m=9999999,t=2,p=1${SALT}${HASH[:-1]}",
        f"$argon2id$v=19$m=65536,t=2,p=1${SALT}${HASH[:-1]}\n",
        "$argon2id$" + "a" * 600,
    ],
)
async def test_a_mangled_or_costly_hash_is_refused_and_opens_for_nothing(stored: str, hasher: Argon2Hasher) -> None:
    with pytest.raises(UnsupportedHash) as refused:
        read_foreign(stored)
    assert HASH not in str(refused.value)
    async with patience():  # the costly ones would take hours
        assert not await hasher.verify(stored or None, "secret")


class TestPepper:
    async def test_a_hash_tells_its_pepper_and_opens_under_it_alone(self) -> None:
        peppered = Argon2Hasher(threads=1, pepper=Pepper([SECRET]))
        stored = await peppered.hash(PASSWORD)
        assert stored.startswith(f"{OURS.removesuffix('$')},keyid=")
        assert await peppered.verify(stored, PASSWORD)
        assert not await peppered.verify(stored, "wrong")
        for pepper in (Pepper(), Pepper([OTHER_SECRET])):
            assert not await Argon2Hasher(threads=1, pepper=pepper).verify(stored, PASSWORD)
        assert not peppered.is_outdated(stored)

    async def test_a_changed_pepper_verifies_the_old_hashes_and_asks_for_new_ones(self) -> None:
        stored = await Argon2Hasher(threads=1, pepper=Pepper([SECRET])).hash(PASSWORD)
        changed = Argon2Hasher(threads=1, pepper=Pepper([OTHER_SECRET, SECRET]))
        assert await changed.verify(stored, PASSWORD)
        assert changed.is_outdated(stored)

    async def test_a_first_pepper_takes_over_what_has_none(self) -> None:
        stored = await Argon2Hasher(threads=1).hash(PASSWORD)
        peppered = Argon2Hasher(threads=1, pepper=Pepper([SECRET]))
        assert await peppered.verify(stored, PASSWORD)
        assert peppered.is_outdated(stored)
        assert Argon2Hasher(threads=1).is_outdated(await peppered.hash(PASSWORD))

    async def test_raised_parameters_are_seen_under_a_pepper_too(self) -> None:
        stored = await Argon2Hasher(threads=1, pepper=Pepper([SECRET])).hash(PASSWORD)
        assert Argon2Hasher(threads=1, time_cost=3, pepper=Pepper([SECRET])).is_outdated(stored)

    def test_peppers_are_secrets(self) -> None:
        with pytest.raises(ConfigurationError, match="gatepass init"):
            Pepper(["pepper"])
        with pytest.raises(ConfigurationError, match="share an id"):
            Pepper([SECRET, SECRET])
        assert SECRET not in repr(Pepper([SECRET]))


async def test_a_pepper_of_the_settings_is_in_the_row() -> None:
    async with open_gate(hasher=None, secrets=Secrets([SECRET], peppers=[SECRET])) as at:
        await Browser(at.gate.asgi).register()
        (account,) = at.memory._accounts.values()
        assert ",keyid=" in account.password_hash
        assert (await Browser(at.gate.asgi).login()).status == 200
        await asyncio.sleep(0)
