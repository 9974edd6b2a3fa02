"""Mail options are checked when they are made, and name their own fields in their errors."""

import pytest

from gatepass.core.mailed_link import Purpose
from gatepass.errors import ConfigurationError
from gatepass.mail import LinkPages, Mail, SMTPMailer
from gatepass.mail.message import check_sender, compose_mail
from gatepass.ports import Message
from tests.support.mail import Postbox

HOST = "gate.example"


def test_without_a_mailer_no_mail_is_sent() -> None:
    assert Mail().open(HOST) is None


def test_a_mailer_of_the_application_is_taken_as_it_is() -> None:
    mailer = Postbox()
    assert Mail(mailer).open(HOST) is mailer


def test_a_url_makes_a_mailer_and_is_not_shown() -> None:
    mail = Mail("smtps://ann:canary@mail.example")
    assert isinstance(mail.open(HOST), SMTPMailer)
    assert "canary" not in repr(mail)


def test_templates_call_the_service_by_its_public_host() -> None:
    assert Mail().templates_for(HOST).service == HOST


@pytest.mark.parametrize(
    ("mailer", "sender", "message"),
    [
        ("console", "ann@example.com, bob@example.com", "`sender` must be an address"),
        ("console", "a@b\nBcc: c@d", "`sender` must be an address"),
        ("mail.example", None, "`mailer` must be smtps://"),
        ("smtp://mail.example?tls=no", None, "`mailer` takes no options"),
        ("smtp://mail.example:x", None, "`mailer` cannot be read"),
        ("file:///nowhere/at/all", None, "There is no folder /nowhere/at/all"),
    ],
)
def test_an_impossible_option_is_refused(mailer: str, sender: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Mail(mailer, sender=sender)


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        ("a@b.example", "a@b.example"),
        (" <a@b.example> ", "a@b.example"),
        ("Name <a@b.example>", "Name <a@b.example>"),
        ("Doe, John <a@b.example>", '"Doe, John" <a@b.example>'),
        ('"Doe, John" <a@b.example>', '"Doe, John" <a@b.example>'),
        ("Acme Inc. <a@b.example>", '"Acme Inc." <a@b.example>'),
        ("a@b.example (Ann's shop)", "Ann's shop <a@b.example>"),
        ("Ann (shop) <a@b.example>", '"Ann (shop)" <a@b.example>'),
        ('"A \\"B\\" C" <a@b.example>', '"A \\"B\\" C" <a@b.example>'),
        ("Bücher <a@bücher.example>", "Bücher <a@xn--bcher-kva.example>"),
    ],
)
def test_a_sender_is_read_as_people_write_it(sender: str, header: str) -> None:
    assert check_sender(sender) == header
    mail = compose_mail(Message("ann@example.com", "x", "x"), sender=check_sender(sender))
    (address,) = mail["From"].addresses
    assert address.addr_spec == header.rpartition("<")[2].rstrip(">")


@pytest.mark.parametrize(
    "sender", ["nobody", "a@b, c@d", "A <a@b>, B <c@d>", "<a@b> <c@d>", "a b@c.example", "a@b.example <c", "a@"]
)
def test_what_is_not_one_address_is_no_sender(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="`sender` must be an address, or: Name <address>"):
        Mail("console", sender=sender)


def test_pages_are_paths_at_the_public_url_unless_they_have_a_host() -> None:
    pages = LinkPages(reset_url="https://app.example/new?t={token}", email_url="/a/b#{token}").at("https://x.example/y")
    assert pages.url(Purpose.VERIFY, "T") == "https://x.example/verify#token=T"
    assert pages.url(Purpose.RESET, "T") == "https://app.example/new?t=T"
    assert pages.url(Purpose.CHANGE_EMAIL, "T") == "https://x.example/a/b#T"


@pytest.mark.parametrize(
    "page", ["//evil.example/{token}", "javascript:{token}", "app.example/{token}", "https://u@x.example/{token}", ""]
)
def test_a_page_that_is_no_path_and_no_http_url_is_refused(page: str) -> None:
    with pytest.raises(ConfigurationError, match="`verify_url` must be a URL or a path"):
        LinkPages(verify_url=page)


@pytest.mark.parametrize(
    "page", ["/verify", "/{token}/{token}", "https://{token}.example/", "/a b#{token}", "/\n{token}"]
)
def test_a_page_has_the_token_once_after_its_host(page: str) -> None:
    with pytest.raises(ConfigurationError, match=r"`email_url` must be a URL with \{token\} once"):
        LinkPages(email_url=page)


def test_a_page_over_plain_http_is_for_loopback_only() -> None:
    LinkPages(reset_url="http://localhost:3000/#{token}")
    with pytest.raises(ConfigurationError, match="`reset_url` must be https"):
        LinkPages(reset_url="http://app.example/#{token}")


def test_all_faults_of_the_pages_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        LinkPages(verify_url="x", verify_ttl=1, reset_ttl=10**9)
    assert all(
        name in str(caught.value) for name in ("verify_url", "`verify_ttl` must be 5 minutes to 7 d", "reset_ttl")
    )
