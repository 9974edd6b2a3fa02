"""Sends mail: where it goes, what it says, and the queue that sends it after the response has gone out.

An application needs `Mail` (all options in one value), and `MailTemplates` and `LinkPages` to change what it says.
"""

from gatepass.mail.development import ConsoleMailer, FolderMailer
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.options import Mail
from gatepass.mail.smtp import SMTPMailer
from gatepass.mail.templates import MailTemplates

__all__ = ["ConsoleMailer", "FolderMailer", "LinkPages", "Mail", "MailTemplates", "SMTPMailer"]
