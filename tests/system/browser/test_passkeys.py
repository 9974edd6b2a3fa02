"""Passkeys in a real browser, with authenticators that Chromium plays (WebAuthn L3 §11, over CDP)."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.system.browser.authenticators import Device, served
from tests.system.browser.conftest import PASSWORD, Stages, prepared

pytestmark = pytest.mark.slow
_numbers = itertools.count()


class Person(Device):
    """The owner of the devices, at the endpoints themselves."""

    def sign_up(self) -> str:
        """Make an account; its address."""
        email = f"key{next(_numbers)}@example.com"
        body = {"email": email, "password": PASSWORD}
        assert self.do("(body) => passkeys.send('POST', '/register', body)", body)["status"] == 201
        return email

    def add(self) -> dict[str, Any]:
        """Add a passkey; what the list has of it."""
        answer = self.do("() => passkeys.add()")
        assert answer["status"] == 201, answer
        added: dict[str, Any] = answer["json"]
        return added

    def enter(self, changes: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sign in with a passkey, without a name."""
        answer: dict[str, Any] = self.do("(changes) => passkeys.enter(changes)", changes or {})
        return answer

    def second(self, email: str) -> list[str]:
        """Sign in with the password and a passkey; the methods of the session."""
        both = """async (body) => {
          window.token = null;
          const { ticket } = (await passkeys.send('POST', '/login', body)).json;
          const response = await passkeys.get(await passkeys.options('/login/passkey/options', { ticket }));
          return passkeys.send('POST', '/login/passkey', { response, ticket });
        }"""
        answer = self.do(both, {"email": email, "password": PASSWORD})
        assert answer["status"] == 200, answer
        sessions = self.do("() => passkeys.send('GET', '/sessions')")["json"]["sessions"]
        (methods,) = [each["methods"] for each in sessions if each["current"]]
        return list(methods)


@pytest.fixture(scope="module")
def url(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server that requires user verification, for all of these tests."""
    return served(stages, tmp_path_factory.mktemp("passkeys"), "required")


@pytest.fixture
def device(chromium: Browser, url: str) -> Iterator[Person]:
    profile = prepared(chromium.new_context())
    yield Person(profile, url)
    profile.close()


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["json"]["code"])


def test_a_person_adds_a_passkey_and_signs_in_without_a_name(device: Person) -> None:
    device.plug_in()
    email = device.sign_up()
    added = device.add()
    assert (added["transports"], added["name"]) == (["internal"], "Chrome on Linux")
    answer = device.enter()
    assert answer["status"] == 200
    assert answer["json"]["account"]["email"] == email
    listed = device.do("() => passkeys.send('GET', '/passkeys')")["json"]["passkeys"]
    assert [each["last_used_at"] is not None for each in listed] == [True]
    again = device.do("async () => passkeys.create(await passkeys.options('/passkeys/options'))")
    assert again == {"thrown": "InvalidStateError"}, "the device has one already"


def test_the_field_of_the_name_offers_it(device: Person) -> None:
    device.plug_in()
    email = device.sign_up()
    device.add()
    assert device.do("() => PublicKeyCredential.isConditionalMediationAvailable()") is True
    answer = device.do("() => passkeys.enter({}, { mediation: 'conditional' })")
    assert answer["status"] == 200
    assert answer["json"]["account"]["email"] == email


def test_two_devices_of_one_person_both_sign_in(device: Person) -> None:
    phone = device.plug_in()
    device.sign_up()
    device.add()
    assert device.enter()["status"] == 200
    device.pull_out(phone)
    device.plug_in(transport="usb")
    added = device.add()
    assert added["transports"] == ["usb"]
    assert device.enter()["status"] == 200


def test_a_device_that_cannot_verify_its_user_is_of_no_use_where_that_is_required(device: Person) -> None:
    device.plug_in(verifies=False, transport="usb")
    device.sign_up()
    made = device.do("async () => passkeys.create(await passkeys.options('/passkeys/options'))")
    assert made["thrown"] in ("NotAllowedError", "NotSupportedError")
    lax = """async () => {
      const options = await passkeys.options('/passkeys/options');
      options.authenticatorSelection.userVerification = 'discouraged';
      return passkeys.send('POST', '/passkeys', { response: await passkeys.create(options) });
    }"""
    refused = device.do(lax)
    assert (refused["status"], code_of(refused)) == (422, "passkey-refused")


def test_where_it_is_preferred_such_a_device_is_a_second_factor(
    chromium: Browser, stages: Stages, tmp_path: Path
) -> None:
    """Not the only one: Chromium lets no key without verification sign in without a name."""
    profile = prepared(chromium.new_context())
    device = Person(profile, served(stages, tmp_path, "preferred"))
    device.plug_in(verifies=False)
    email = device.sign_up()
    device.add()
    assert device.enter() == {"thrown": "NotAllowedError"}
    assert device.second(email) == ["pwd", "hwk", "mfa"]
    profile.close()


def test_a_clone_is_refused_by_its_counter(device: Person) -> None:
    original = device.plug_in()
    device.sign_up()
    device.add()
    (stolen,) = device.keys(original)
    assert device.enter()["status"] == 200
    device.pull_out(original)
    copy = device.plug_in()
    device.put(copy, stolen)
    refused = device.enter()
    assert (refused["status"], code_of(refused)) == (401, "passkey-refused")


def test_an_answer_that_comes_again_is_refused(device: Person) -> None:
    device.plug_in()
    device.sign_up()
    device.add()
    twice = """async () => {
      const response = await passkeys.get(await passkeys.options('/login/passkey/options'));
      const send = () => passkeys.send('POST', '/login/passkey', { response });
      return [await send(), await send()];
    }"""
    first, second = device.do(twice)
    assert (first["status"], second["status"], code_of(second)) == (200, 400, "challenge-expired")


def test_a_deleted_passkey_is_unknown_and_the_browser_can_be_told(device: Person) -> None:
    authenticator = device.plug_in()
    device.sign_up()
    added = device.add()
    assert device.enter()["status"] == 200
    gone = device.do("(id) => passkeys.send('DELETE', `/passkeys/${id}`)", added["id"])
    assert gone["status"] == 204
    refused = device.enter()
    assert (refused["status"], code_of(refused)) == (401, "unknown-credential")
    (key,) = device.keys(authenticator)
    tell = """async (credentialId) => {
      if (!PublicKeyCredential.signalUnknownCredential) return false;
      await PublicKeyCredential.signalUnknownCredential({ rpId: 'localhost', credentialId });
      return true;
    }"""
    text = key["credentialId"].replace("+", "-").replace("/", "_").rstrip("=")
    if device.do(tell, text):
        assert device.keys(authenticator) == []


def test_another_rp_id_and_another_host_are_refused_by_the_browser(device: Person, url: str) -> None:
    device.plug_in()
    device.sign_up()
    device.add()
    assert device.enter({"rpId": "evil.example"}) == {"thrown": "SecurityError"}
    device.open(url.replace("localhost", "127.0.0.1"))
    told = device.do("() => passkeys.send('POST', '/login/passkey/options', {})")
    assert (told["status"], code_of(told)) == (403, "not-offered")
    assert url in told["json"]["detail"]


def test_what_was_signed_for_another_page_of_the_host_is_refused(
    device: Person, url: str, stages: Stages, tmp_path: Path
) -> None:
    device.plug_in()
    device.sign_up()
    device.add()
    options = device.do("() => passkeys.options('/login/passkey/options')")
    device.open(served(stages, tmp_path, "required"))  # a page of another port, which has the RP id too
    response = device.do("(options) => passkeys.get(options)", options)
    device.open(url)
    refused = device.do("(response) => passkeys.send('POST', '/login/passkey', { response })", response)
    assert (refused["status"], code_of(refused)) == (401, "passkey-refused")


def test_it_ends_the_sign_in_that_a_password_began(device: Person) -> None:
    device.plug_in()
    email = device.sign_up()
    device.add()
    assert device.second(email) == ["pwd", "hwk", "user", "mfa"]
