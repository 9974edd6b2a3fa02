"""What the mails say. Subclass it to say it your way, in your language: `Gatepass(templates=MyLetters("Example"))`.

Nothing that a stranger typed stands in a letter: whoever registers somebody else's address must not be able to write
to them through us.
"""

from datetime import UTC, datetime

from gatepass.ports import Message


class MailTemplates:
    """Plain text, one method each. `service` is the name that people know."""

    def __init__(self, service: str) -> None:
        self.service = service

    def verify(self, to: str, *, link: str, hours: int) -> Message:
        """To somebody who asked for an account."""
        return self._letter(
            to,
            f"Confirm your address for {self.service}",
            f"Somebody, hopefully you, asked for an account at {self.service} with this address.\n\n"
            f"To open it, follow this link within {_hours(hours)} and enter the password that you chose:\n\n{link}\n\n"
            "If it was not you, do nothing: without that password there will be no account.",
        )

    def taken(self, to: str, *, link: str) -> Message:
        """To the owner of an account whose address was registered again. `link` leads to resetting the password."""
        return self._letter(
            to,
            f"You have an account at {self.service}",
            f"Somebody, hopefully you, asked for an account at {self.service} with this address. There is one already: "
            f"sign in with it. If you forgot its password, set a new one here:\n\n{link}\n\n"
            "If it was not you, do nothing. Nobody has learnt that you have an account.",
        )

    def reset(self, to: str, *, link: str, minutes: int) -> Message:
        """To the owner of an account whose password was forgotten."""
        return self._letter(
            to,
            f"Set a new password for {self.service}",
            f"Somebody, hopefully you, asked to set a new password at {self.service}.\n\n"
            f"Follow this link within {minutes} minutes:\n\n{link}\n\n"
            "If it was not you, do nothing: your password stays as it is.",
        )

    def password_changed(self, to: str) -> Message:
        """To the owner, after the password was changed or reset."""
        return self._letter(
            to,
            f"Your password for {self.service} was changed",
            f"The password of your account at {self.service} was changed just now, and other devices were signed out.\n"
            "\nIf it was not you, set a new one at once: choose “forgot password” where you sign in.",
        )

    def change_email(self, to: str, *, link: str, hours: int) -> Message:
        """To the new address of an account."""
        return self._letter(
            to,
            f"Confirm your new address for {self.service}",
            f"Somebody, hopefully you, wants to use this address for an account at {self.service}.\n\n"
            f"Follow this link within {_hours(hours)}, signed in to that account:\n\n{link}\n\n"
            "If it was not you, do nothing.",
        )

    def address_taken(self, to: str) -> Message:
        """To an address that a different account wanted to have as well."""
        return self._letter(
            to,
            f"You have an account at {self.service}",
            f"Somebody, hopefully you, wanted to use this address for another account at {self.service}. It belongs to "
            "your account already, so nothing was changed. If it was not you, do nothing.",
        )

    def email_change_requested(self, to: str) -> Message:
        """To the address that the account has, when another one is asked for."""
        return self._letter(
            to,
            f"A new address for your account at {self.service}?",
            f"Somebody who knows your password wants to use another address for your account at {self.service}. It "
            "changes when mail to the new address is confirmed.\n\nIf it was not you, change your password at once: "
            "that also ends the request.",
        )

    def email_changed(self, to: str) -> Message:
        """To the address that the account had."""
        return self._letter(
            to,
            f"Your address for {self.service} was changed",
            f"Your account at {self.service} has another address now, and this one no longer belongs to it.\n\n"
            "If it was not you, tell us at once.",
        )

    def new_device(self, to: str, *, client: str, at: int) -> Message:
        """To the owner, after a sign-in from a device that the account did not have. `client`: our words for it."""
        return self._letter(
            to,
            f"A new sign-in to your account at {self.service}",
            f"Somebody signed in to your account at {self.service} with {client}, on {_moment(at)}.\n\n"
            "If it was not you, change your password at once: that signs every other device out.",
        )

    def reuse_detected(self, to: str, *, at: int) -> Message:
        """To the owner, after a refresh token was used by two."""
        return self._letter(
            to,
            f"A sign-in at {self.service} was ended for your safety",
            f"On {_moment(at)} two devices used the same sign-in to your account at {self.service}. One of them may "
            "have copied it from the other, so it was ended on both.\n\n"
            "Sign in again. If it keeps happening, look for programs on your device that you do not know, and change "
            "your password.",
        )

    def _letter(self, to: str, subject: str, text: str) -> Message:
        return Message(to, subject, f"{text}\n\n{self.service}\n")


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _hours(count: int) -> str:
    return "an hour" if count == 1 else f"{count} hours"
