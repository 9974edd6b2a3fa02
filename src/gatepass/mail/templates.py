"""What the mails say. A subclass changes the words or the language: `Mail(…, templates=MyTemplates("Example"))`.

No mail contains text from the request that caused it, or a stranger who registers another person's address could write
to that person through this server.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime

from gatepass.ports import Message

Mailed = Message | Awaitable[Message]
_SOMEBODY = "Somebody else knows the one that you have, or reads your mail."
"""Who takes the first step of a sign-in. It need not be the password: there are codes by mail, and providers."""
_FACTORS = {"passkey": "a passkey", "totp": "an authenticator app", "recovery-codes": "new recovery codes"}


class MailTemplates:
    """Plain text, one method per mail. `service` is the name by which users know the application.

    The methods of a subclass may be plain or async; plain ones run on a thread.
    """

    def __init__(self, service: str) -> None:
        self.service = service

    def verify(self, to: str, *, link: str, hours: int) -> Mailed:
        """To an address that was registered. `link` confirms it and is valid for `hours`, rounded down."""
        return self._message(
            to,
            f"Confirm your address for {self.service}",
            f"We received a request for an account at {self.service} with this address.\n\n"
            f"To open the account, follow this link within {_hours(hours)} and enter the password that you chose:\n\n"
            f"{link}\n\n"
            "If the request was not yours, do nothing: without that password no account is made.",
        )

    def taken(self, to: str, *, link: str) -> Mailed:
        """To the owner of an account whose address was registered again. `link` resets the password."""
        return self._message(
            to,
            f"You have an account at {self.service}",
            f"We received a request for an account at {self.service} with this address. There is one already: "
            f"sign in with it. If you forgot its password, set a new one here:\n\n{link}\n\n"
            "If the request was not yours, do nothing. The sender has not learnt that you have an account.",
        )

    def reset(self, to: str, *, link: str, minutes: int) -> Mailed:
        """To the owner of an account after a forgotten password. `link` is valid for `minutes`."""
        return self._message(
            to,
            f"Set a new password for {self.service}",
            f"We received a request to set a new password for your account at {self.service}.\n\n"
            f"Follow this link within {minutes} minutes:\n\n{link}\n\n"
            "If the request was not yours, do nothing: your password stays as it is.",
        )

    def sign_in_code(self, to: str, *, code: str, minutes: int) -> Mailed:
        """To the owner of an account, who signs in with a mailed code. `code` is valid for `minutes`.

        Not in the subject: telephones show that to everybody.
        """
        return self._message(
            to,
            f"Your code for {self.service}",
            f"To sign in to {self.service}, enter this code within {_minutes(minutes)}:",
            f"    {code}",
            "It works where it was asked for, and nowhere else. Give it to nobody, not even to us.",
            "If the request was not yours, do nothing: without this code it gets nobody in.",
        )

    def password_removed(self, to: str) -> Mailed:
        """To the owner, after the first mailed code signed in to an account whose address was never verified."""
        return self._message(
            to,
            f"Your account at {self.service} has no password any more",
            f"You have signed in to {self.service} with a code from a mail. Nobody had shown before that this address "
            "is theirs, so the password of the account, and other ways into it, may have been a stranger's. They were "
            "removed, and other devices were signed out.",
            "To have a password again, choose “forgot password” where you sign in.",
        )

    def password_changed(self, to: str) -> Mailed:
        """To the owner, after the password was changed or reset."""
        return self._message(
            to,
            f"Your password for {self.service} was changed",
            f"The password of your account at {self.service} was changed just now, and other devices were signed out.\n"
            "\nIf it was not you, set a new one at once: choose “forgot password” where you sign in.",
        )

    def change_email(self, to: str, *, link: str, hours: int) -> Mailed:
        """To the new address of an account. `link` confirms it and is valid for `hours`, rounded down."""
        return self._message(
            to,
            f"Confirm your new address for {self.service}",
            f"We received a request to use this address for an account at {self.service}.\n\n"
            f"Follow this link within {_hours(hours)}, signed in to that account:\n\n{link}\n\n"
            "If the request was not yours, do nothing.",
        )

    def address_taken(self, to: str) -> Mailed:
        """To the owner of an account whose address was requested for another account."""
        return self._message(
            to,
            f"You have an account at {self.service}",
            f"We received a request to use this address for another account at {self.service}. It belongs to your "
            "account already, so nothing was changed. If the request was not yours, do nothing.",
        )

    def email_change_requested(self, to: str) -> Mailed:
        """To the current address of an account for which another address was requested."""
        return self._message(
            to,
            f"A new address for your account at {self.service}?",
            "We received a request, made with your password, to use another address for your account at "
            f"{self.service}. It changes when mail to the new address is confirmed.\n\n"
            "If the request was not yours, change your password at once: that also ends the request.",
        )

    def email_changed(self, to: str) -> Mailed:
        """To the former address of an account."""
        return self._message(
            to,
            f"Your address for {self.service} was changed",
            f"Your account at {self.service} has another address now, and this one no longer belongs to it.\n\n"
            "If it was not you, tell us at once.",
        )

    def identity_linked(self, to: str, *, provider: str) -> Mailed:
        """To the owner, after an identity was linked. `provider` is the name that the application gave it."""
        return self._message(
            to,
            f"Your account at {self.service} has another way in",
            f"From now on a sign-in at {provider} opens your account at {self.service} too.\n\n"
            "If it was not you, set a new password at once (choose “forgot password” where you sign in), and unlink "
            f"{provider} in your account.",
        )

    def identity_unlinked(self, to: str, *, provider: str) -> Mailed:
        """To the owner, after an identity at a provider was unlinked."""
        return self._message(
            to,
            f"Your account at {self.service} has one way in less",
            f"A sign-in at {provider} does not open your account at {self.service} any more, and what was signed in "
            "that way was signed out.\n\n"
            "If it was not you, set a new password at once: choose “forgot password” where you sign in.",
        )

    def factor_added(self, to: str, *, factor: str) -> Mailed:
        """To the owner, after a factor was added: "passkey", "totp" or "recovery-codes"."""
        return self._message(
            to,
            f"Your account at {self.service} has {_FACTORS[factor]}",
            f"{_FACTORS[factor].capitalize()} was added to your account at {self.service} just now."
            if factor != "recovery-codes"
            else f"New recovery codes for your account at {self.service} were made just now. Earlier ones are void.",
            "If it was not you, set a new password at once (choose “forgot password” where you sign in), and look at "
            "the sign-in settings of your account.",
        )

    def factor_removed(self, to: str, *, factor: str) -> Mailed:
        """To the owner, after a factor was removed: "passkey" or "totp"."""
        return self._message(
            to,
            f"{_FACTORS[factor].capitalize()} of your account at {self.service} was removed",
            f"{_FACTORS[factor].capitalize()} was removed from your account at {self.service} just now, and is not "
            "asked for any more.",
            "If it was not you, set a new password at once: choose “forgot password” where you sign in.",
        )

    def factors_reset(self, to: str) -> Mailed:
        """To the owner, after all factors were removed: by an administrator, or since they were lost."""
        return self._message(
            to,
            f"Your account at {self.service} has no second step any more",
            f"The passkeys, the authenticator app and the recovery codes of your account at {self.service} were "
            "removed. Until you set up new ones, a sign-in has one step.",
            "If you did not ask for it, tell us at once, and set a new password.",
        )

    def factor_recovery(self, to: str, *, link: str, requested_at: int, ready_at: int, ends_at: int) -> Mailed:
        """To the owner, after a person who took a first step said that the second factors are lost.

        The page of `link` asks what to do: keep the factors, or from `ready_at` until `ends_at` (Unix seconds) remove
        them, with a new sign-in.
        """
        return self._message(
            to,
            f"Have you lost your second step for {self.service}?",
            f"On {_time(requested_at)} somebody began to sign in to your account at {self.service}, and said that your "
            "authenticator app, your passkeys and your recovery codes are lost.",
            f"If it was you: from {_time(ready_at)} until {_time(ends_at)} this link and a new sign-in remove them, so "
            f"that you can set up new ones:\n\n{link}",
            "If it was not you: follow the link now and keep them, or just sign in with them. Then set a new password. "
            f"{_SOMEBODY}",
        )

    def factor_recovery_cancelled(self, to: str) -> Mailed:
        """To the owner, after a request to remove lost factors was ended."""
        return self._message(
            to,
            f"Your second step for {self.service} stays",
            "The request to remove the authenticator app, the passkeys and the recovery codes of your account at "
            f"{self.service} was ended. They stay as they are.",
            f"If it was not you who asked for it, set a new password at once. {_SOMEBODY}",
        )

    def recovery_code_used(self, to: str, *, left: int, at: int) -> Mailed:
        """To the owner, after a recovery code took the place of a second factor; `left` codes are unused."""
        return self._message(
            to,
            f"A recovery code of your account at {self.service} was used",
            f"On {_time(at)} somebody signed in to your account at {self.service}, and one of your recovery codes was "
            f"the second step. {left or 'None'} of them {'is' if left == 1 else 'are'} left.",
            "If you have lost your phone or your key, set up another one, and make new codes. If it was not you, set a "
            f"new password at once, and make new codes. {_SOMEBODY}",
        )

    def second_factor_failed(self, to: str, *, at: int) -> Mailed:
        """To the owner, after a right first step was followed by several wrong codes. `at` is Unix seconds."""
        return self._message(
            to,
            f"Wrong codes at a sign-in to {self.service}",
            f"On {_time(at)} somebody began to sign in to your account at {self.service}, and then entered wrong "
            "codes. They did not get in.",
            f"If it was not you, set a new password. {_SOMEBODY}",
        )

    def passkey_copied(self, to: str, *, at: int) -> Mailed:
        """To the owner, after a passkey was refused because two devices have its key. `at` is Unix seconds."""
        return self._message(
            to,
            f"A passkey of your account at {self.service} may have been copied",
            f"On {_time(at)} a passkey of your account at {self.service} was used, and refused: another device seems "
            "to have a copy of it.",
            "Remove this passkey from your account and add another one. If it was not you, end your other sessions "
            "too.",
        )

    def new_device(self, to: str, *, client: str, at: int) -> Mailed:
        """To the owner, after a sign-in from a device that the account did not have.

        `client` is the label of the session, such as "Firefox on Linux"; `at` is Unix seconds.
        """
        return self._message(
            to,
            f"A new sign-in to your account at {self.service}",
            f"There was a sign-in to your account at {self.service} with {client}, on {_time(at)}.\n\n"
            "If it was not you, change your password at once: that signs every other device out.",
        )

    def reuse_detected(self, to: str, *, at: int) -> Mailed:
        """To the owner, after two devices presented refresh tokens of one session. `at` is Unix seconds."""
        return self._message(
            to,
            f"A sign-in at {self.service} was ended for your safety",
            f"On {_time(at)} two devices used the same sign-in to your account at {self.service}. One of them may "
            "have copied it from the other, so it was ended on both.\n\n"
            "Sign in again. If it keeps happening, look for programs on your device that you do not know, and change "
            "your password.",
        )

    def copy_tried(self, to: str, *, at: int) -> Message:
        """To the owner, after a copied refresh token was presented with a wrong proof. `at` is Unix seconds."""
        return self._message(
            to,
            f"A copy of your sign-in at {self.service} was tried elsewhere",
            f"On {_time(at)} a copy of a sign-in to your account at {self.service} was tried. It was refused, since it "
            "works on your own device only. You need not sign in again.\n\n"
            "The copy came from somewhere, though: look for programs and browser extensions on your devices that you "
            "do not know. Signing out ends the sign-in that was copied.",
        )

    def _message(self, to: str, subject: str, *paragraphs: str) -> Message:
        return Message(to, subject, "\n\n".join((*paragraphs, f"{self.service}\n")))


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _minutes(count: int) -> str:
    return "a minute" if count == 1 else f"{count} minutes"


def _hours(count: int) -> str:
    return {0: "less than an hour", 1: "an hour"}.get(count, f"{count} hours")
