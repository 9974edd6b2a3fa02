"""Checks of the settings: secrets, file modes, cookies, proxies, workers against the store, passwords."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from gatepass.core.policy import DAY
from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.doctor.pages import check_pages
from gatepass.doctor.passkeys import check_passkeys
from gatepass.environment import PREFIX, read_file
from gatepass.oidc.environment import is_of_provider
from gatepass.settings import ENV_FILE, Settings
from gatepass.stores.urls import split_url
from gatepass.wire.address import Proxies
from gatepass.wire.cookies import Cookies

_SECRETS = {f"{PREFIX}{name}" for name in ("SECRET", "PEPPER", "REVOCATION_FEED_SECRET")}
_URLS = {f"{PREFIX}{name}" for name in ("STORE", "SESSIONS", "MAIL")}
"""Settings that may hold a password."""
MAX_SECRET_AGE = 365 * DAY
"""A secret file that has not changed for longer was probably forgotten."""
MIN_PREFIX_LENGTH = {4: 8, 6: 16}
"""By IP version: a trusted network that is wider than this is wider than any provider's own."""
MIN_PASSWORD = 15
"""NIST SP 800-63B-4 §3.1.1.2, if the password is the only factor."""


def check_settings(settings: Settings, *, env_file: Path | None, workers: int) -> Iterator[Finding]:
    """Findings that need no connection."""
    yield from _check_secret(settings)
    yield from check_files(settings, env_file=env_file)
    yield from _check_cookies(settings)
    yield from check_pages(settings)
    yield from check_passkeys(settings)
    yield from _check_proxies(settings)
    yield _check_store(settings, workers)
    if settings.testing:
        what = "TESTING is on: whatever runs on this machine may sign in to any account without a password."
        yield advice("testing", what, "Leave GATEPASS_TESTING out where no end-to-end test runs.")
    yield _check_passwords(settings)


def is_local(settings: Settings) -> bool:
    """Whether this is a development set-up: plain http, which is accepted on a loopback host only."""
    return (settings.public_url or "").startswith("http:")


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite store, or None for another store."""
    parts = split_url(settings.store_url)
    return Path(unquote(parts.path.removeprefix("/"))) if parts.scheme == "sqlite" else None


def _check_secret(settings: Settings) -> Iterator[Finding]:
    count = len(settings.arguments()["secrets"].tokens)
    if count == 1:
        yield ok("secret", "One secret, random and long enough.")
    else:
        yield advice(
            "secret",
            f"{count} secrets: a rotation is in progress, or was never finished.",
            "Once every server has the new one first and REFRESH_TTL has passed, remove the old one.",
        )
    if settings.secret is not None:
        yield advice(
            "secret",
            "The secret is in the environment or in the settings file, where crash reports and `ps` can show it.",
            "Put it into a file of its own and set GATEPASS_SECRET_FILE.",
        )
    elif settings.secret_file is not None:
        age = int(time.time() - settings.secret_file.stat().st_mtime)
        if age > MAX_SECRET_AGE:
            yield advice("secret", f"The secret is {age // DAY} days old.", "Rotate it: docs/guides/keys.md.")
        else:
            yield ok("secret", f"The secret file was written {age // DAY} days ago.")


def check_files(settings: Settings, *, env_file: Path | None) -> Iterator[Finding]:
    """Whether other users can read the files that hold secrets."""
    env_file = env_file or Path(ENV_FILE)
    secrets = _secrets_in(env_file)
    files = [settings.secret_file, sqlite_file(settings), env_file if secrets else None]
    for file in files:
        if file is None or not file.exists() or os.name != "posix":
            continue
        found = file.stat()
        mode = found.st_mode & 0o777
        if is_exposed(found):
            held = f", which holds {', '.join(secrets)}" if file == env_file else ""
            message = f"Other users can read {file} (mode {mode:o}){held}."
            yield error("files", message, f"Run: chmod 600 {file}")
        else:
            yield ok("files", f"Nobody else can read {file} (mode {mode:o}).")


def is_exposed(found: os.stat_result) -> bool:
    """Whether other users can read a file.

    One of root's that the server's group may read is not: so do packages keep secrets, and Kubernetes.
    """
    reads_by_group = found.st_uid == 0 and found.st_gid != 0 and found.st_gid in {os.getegid(), *os.getgroups()}
    return bool(found.st_mode & (0o037 if reads_by_group else 0o077))


def _secrets_in(env_file: Path) -> list[str]:
    """The names of the settings in a file that are secrets, or URLs with a password."""
    return [name for name, value in read_file(env_file).items() if _is_secret(name) or _has_password(name, value)]


def _is_secret(name: str) -> bool:
    return name in _SECRETS or (is_of_provider(name) and name.endswith("_CLIENT_SECRET"))


def _has_password(name: str, value: str) -> bool:
    return name in _URLS and (split_url(value).password is not None or "password=" in value)


def _check_cookies(settings: Settings) -> Iterator[Finding]:
    url = settings.public_url or ""
    cookies = Cookies.for_url(url, path=settings.cookie_path, same_site=settings.same_site)
    name = cookies.place.names.refresh
    if not cookies.secure:
        yield advice(
            "cookies",
            f"PUBLIC_URL is {url}: the cookie {name} is not Secure. That is for development only.",
            "Set GATEPASS_PUBLIC_URL to the https address that browsers use.",
        )
        return
    yield ok(
        "cookies", f"{name}: Secure, HttpOnly, SameSite={settings.same_site.capitalize()}, Path={cookies.place.path}."
    )
    if settings.same_site != "strict":
        yield advice(
            "cookies",
            f"SAME_SITE is {settings.same_site}: browsers send the refresh cookie with requests from other sites.",
            "Serve page and API on one site, and leave SAME_SITE at strict.",
        )


def _check_proxies(settings: Settings) -> Iterator[Finding]:
    proxies = Proxies.parse(settings.trusted_proxies)
    networks = proxies.networks
    wide = [str(network) for network in networks if network.prefixlen < MIN_PREFIX_LENGTH[network.version]]
    if wide:
        yield error(
            "proxies",
            f"TRUSTED_PROXIES has {', '.join(wide)}: every client in there chooses the address that it is counted by.",
            "List only the networks of your own proxies.",
        )
    elif settings.trusted_proxies:
        yield ok("proxies", f"X-Forwarded-For is believed from {', '.join(settings.trusted_proxies)}.")
    elif is_local(settings):
        yield ok("proxies", "No proxy is trusted, and none is needed on this machine.")
    else:
        yield advice(
            "proxies",
            "No proxy is trusted: requests from a Unix socket, a loopback or a private address are of an unknown "
            "network, and no limit per network holds for them.",
            "Behind a proxy, set GATEPASS_TRUSTED_PROXIES to its address, or to unix.",
        )


def _check_store(settings: Settings, workers: int) -> Finding:
    scheme = split_url(settings.store_url).scheme
    if scheme == "memory" and not is_local(settings):
        message = "STORE is memory://: a restart signs all users out."
        return error("store", message, "Use postgresql:// or sqlite:///.")
    if scheme in ("memory", "sqlite") and workers > 1:
        message = f"{workers} workers on {scheme}://, which only one process can use."
        return error("store", message, "Use postgresql://, or one worker.")
    return ok("store", f"{scheme}:// with {workers} worker{'s' * (workers > 1)}.")


def _check_passwords(settings: Settings) -> Finding:
    shortest = settings.password_min
    if shortest < MIN_PASSWORD:
        message = f"PASSWORD_MIN is {shortest}: too short if the password is the only factor (63B-4 §3.1.1.2)."
        return advice("passwords", message, f"Leave it at {MIN_PASSWORD}.")
    return ok("passwords", f"At least {shortest} characters.")
