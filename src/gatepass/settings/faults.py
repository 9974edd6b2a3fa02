"""What is wrong with settings beside their form: all of it at once, in the words of the environment.

`given` names the arguments of Gatepass(...) that are set in code: their settings may be missing, and are not checked.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import fields

from gatepass.accounts.mail_codes import check_mail_codes
from gatepass.accounts.registration import check_mode
from gatepass.core.claims import Tokens
from gatepass.core.policy import Policy
from gatepass.environment import PREFIX, has_file
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.factors.relying_party import join_relying_party
from gatepass.mail.link_pages import LinkPages
from gatepass.server.limits import Limits
from gatepass.server.testing import check_testing
from gatepass.settings.groups import PASSKEY_SETTINGS, Groups
from gatepass.stores import open_store
from gatepass.wire.browsers import Browsers
from gatepass.wire.origin import Origins
from gatepass.wire.pages import Pages

_OTHER_NAMES = {
    "secrets": "secret",
    "feed": "revocation_feed_secret",
    "peppers": "pepper",
    "mailer": "mail",
    "sender": "mail_from",
}
"""The options whose setting has another name."""


def find_gaps(settings: Groups, given: Collection[str]) -> list[str]:
    """What is missing, and what to run."""
    gaps = []
    if settings.public_url is None and "public_url" not in given:
        gaps.append(f"{PREFIX}PUBLIC_URL is not set: the https address that browsers use.")
    if "secrets" in given:
        return gaps
    if settings.secret is not None and settings.secret_file is not None:
        gaps.append(f"Set {PREFIX}SECRET or {PREFIX}SECRET_FILE, not both.")
    elif settings.secret is None and settings.secret_file is None:
        gaps.append(f"{PREFIX}SECRET is not set. Make one with: gatepass init")
    elif settings.secret_file is not None and not has_file(settings.secret_file):
        gaps.append(f"{PREFIX}SECRET_FILE: there is no file {settings.secret_file}. Make one with: gatepass init")
    return gaps


def find_hidden(settings: Groups, given: Collection[str]) -> list[str]:
    """Settings that an argument in code would silently undo: REGISTRATION=closed beside `policy`, say."""
    groups = {"policy": Policy, "tokens": Tokens, "browsers": Browsers, "limits": Limits, "mail": LinkPages}
    groups |= {"pages": Pages, "passkeys": Passkeys}
    faults = []
    for argument in sorted(groups.keys() & set(given)):
        options = {option.name for option in fields(groups[argument])}
        options |= {"mail": {"mail", "mail_from", "security_mail"}, "pages": {"pages"}}.get(argument, set())
        options = PASSKEY_SETTINGS if argument == "passkeys" else options
        if names := sorted(options & settings.model_fields_set):
            undone = ", ".join(f"{PREFIX}{name.upper()}" for name in names)
            faults.append(f"{undone}: `{argument}` is given in code and replaces it. Set it in one place.")
    if "providers" in given and settings.providers:
        providers = ", ".join(provider.name for provider in settings.providers)
        faults.append(f"{PREFIX}OIDC_… of {providers}: `providers` is given in code and replaces them.")
    return faults


def find_misfits(settings: Groups, given: Collection[str]) -> list[str]:
    """What the types allow and a gate does not: every group is made once, and says what is wrong with it."""
    faults: list[str] = []
    checks: dict[tuple[str, ...], Callable[[], object]] = {
        **{(name,): make for name, make in settings.groups().items()},
        ("public_url", "browsers"): lambda: _check_url(settings),
        ("public_url", "browsers", "passkeys"): lambda: _check_passkeys(settings),
        ("mail", "pages"): lambda: settings.mail_options(
            LinkPages()
        ),  # the mailer's faults, also beside one of the pages
        ("policy", "mail", "users"): lambda: _check_registration(settings),
        ("public_url", "store", "sessions"): lambda: _check_testing(settings),
        ("store",): lambda: open_store(settings.store_url),  # the faults of either, also beside one of the other
        ("store", "sessions"): lambda: open_store(settings.store_url, sessions=settings.sessions_url),
    }
    for arguments, check in checks.items():
        if not set(arguments).isdisjoint(given):
            continue  # the gate checks it, with what was given
        try:
            check()
        except ConfigurationError as fault:
            faults += [_in_environment(line) for line in str(fault).splitlines()]
    return list(dict.fromkeys(faults))


def _check_url(settings: Groups) -> None:
    if settings.public_url is not None:
        Browsers(same_site=settings.same_site).check_url(settings.public_url)


def _check_passkeys(settings: Groups) -> None:
    passkeys = settings.passkey_options()
    if passkeys is not None and settings.public_url is not None:
        _check_url(settings)
        join_relying_party(passkeys, Origins.of(settings.public_url, settings.origins))


def _check_registration(settings: Groups) -> None:
    check_mode(settings.registration, sends_mail=settings.mail is not None)
    check_mail_codes(settings.mail_codes, sends_mail=settings.mail is not None)


def _check_testing(settings: Groups) -> None:
    if settings.testing and settings.public_url is not None:
        check_testing(settings.public_url, settings.store_url, settings.sessions_url)


def _in_environment(sentence: str) -> str:
    """A fault of a group, with the environment's names for its options."""
    return re.sub(r"`([a-z_]+)`", lambda option: _name_of(option[1]), sentence)


def _name_of(option: str) -> str:
    name = _OTHER_NAMES.get(option, option)
    return f"{PREFIX}{name.upper()}" if name in Groups.model_fields else f"`{option}`"
