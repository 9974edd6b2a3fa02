"""All options of mail in one value, with their defaults.

Mail("smtps://user:password@mail.example.com", sender="Example <no-reply@example.com>")
Mail(MyMailer(), templates=MyTemplates("Example"), pages=LinkPages(reset_ttl=600))
"""

from dataclasses import KW_ONLY, dataclass, field

from gatepass.core.options import drop_empty_texts
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.message import check_sender
from gatepass.mail.open_mailer import open_mailer
from gatepass.mail.templates import MailTemplates
from gatepass.ports import Mailer


@dataclass(frozen=True, slots=True)
class Mail:
    """How a gate sends mail. Without a `mailer` it sends none. An impossible option raises ConfigurationError."""

    mailer: Mailer | str | None = field(default=None, repr=False)
    """A mailer, or the URL of one (`gatepass.mail.open_mailer` lists the forms)."""
    _: KW_ONLY
    sender: str | None = None
    """The From of mailers made from a URL: `a@b` or `Name <a@b>`. None: `no-reply@` the public host."""
    templates: MailTemplates | None = None
    """What the mails say. None: the built-in English texts, signed with the public host."""
    pages: LinkPages = field(default_factory=LinkPages)
    """Where mailed links lead, and how long they are valid."""
    security_mail: bool = True
    """Whether the owner of an account is told of a sign-in from a new device and of a stolen refresh token."""

    def __post_init__(self) -> None:
        drop_empty_texts(self)
        if self.sender is not None:
            check_sender(self.sender)
        self.open("localhost")  # checks a URL; a mailer connects when it sends

    def open(self, host: str) -> Mailer | None:
        """The mailer, or None without one. `host` is the public host, for the default sender."""
        if isinstance(self.mailer, str):
            return open_mailer(self.mailer, sender=self.sender or f"no-reply@{host}")
        return self.mailer

    def templates_for(self, host: str) -> MailTemplates:
        """The templates; by default the built-in ones, which call the service by its public host."""
        return self.templates or MailTemplates(host)
