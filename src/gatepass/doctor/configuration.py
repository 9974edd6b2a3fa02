"""The settings as they are meant: secrets, files, cookies, proxies, workers against the store, passwords."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gatepass.core.policy import DAY
from gatepass.doctor.finding import Finding, advice, fault, ok
from gatepass.settings import ENV_FILE, Settings
from gatepass.wire.cookies import Cookies
from gatepass.wire.device import parse_networks

OLD = 365 * DAY
"""A secret file that has not changed for so long was forgotten rather than kept."""
WIDE = {4: 8, 6: 16}
"""Networks of trusted proxies that are wider than any provider's own."""


def look_at_settings(settings: Settings, *, env_file: Path | None, workers: int) -> Iterator[Finding]:
    """What can be said without asking anybody."""
    yield from _secret(settings)
    yield from _files(settings, env_file or Path(ENV_FILE))
    yield from _cookies(settings)
    yield from _proxies(settings)
    yield from _store(settings, workers)
    yield from _passwords(settings)


def is_local(settings: Settings) -> bool:
    """Whether this is a development set-up: plain http, which only a loopback host may have."""
    return (settings.public_url or "").startswith("http:")


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite store."""
    parts = urlsplit(settings.store)
    return Path(unquote(parts.path.removeprefix("/"))) if parts.scheme == "sqlite" else None


def _secret(settings: Settings) -> Iterator[Finding]:
    count = len(settings.arguments()["secrets"].tokens)
    if count == 1:
        yield ok("secret", "One secret, random and long enough.")
    else:
        yield advice(
            "secret",
            f"{count} secrets: a change of secrets is under way, or was never finished.",
            "Once every server has the new one first and REFRESH_TTL has passed, leave the old one out.",
        )
    if settings.secret is not None:
        yield advice(
            "secret",
            "The secret stands in the environment or in the settings file, where crash reports and `ps` can find it.",
            "Put it into a file of its own and set GATEPASS_SECRET_FILE.",
        )
    elif settings.secret_file is not None:
        days = int(time.time() - settings.secret_file.stat().st_mtime) // DAY
        if days * DAY > OLD:
            yield advice("secret", f"The secret is {days} days old.", "How, without a logout: docs/guides/keys.md.")
        else:
            yield ok("secret", f"The secret file was written {days} days ago.")


def _files(settings: Settings, env_file: Path) -> Iterator[Finding]:
    files = [settings.secret_file, sqlite_file(settings)]
    files += [env_file] if settings.secret is not None and env_file.is_file() else []
    for file in files:
        if file is None or not file.exists() or os.name != "posix":
            continue
        mode = file.stat().st_mode & 0o777
        if mode & 0o077:
            yield fault("files", f"{file} can be read by others (mode {mode:o}).", f"Run: chmod 600 {file}")
        else:
            yield ok("files", f"{file} is its owner's alone.")


def _cookies(settings: Settings) -> Iterator[Finding]:
    url = settings.public_url or ""
    cookies = Cookies.for_url(url, path=settings.cookie_path, same_site=settings.same_site)
    name = cookies.refresh_names[0]
    if not cookies.secure:
        yield advice(
            "cookies",
            f"PUBLIC_URL is {url}: the cookie {name} has no Secure. Right for development, and nowhere else.",
            "Set GATEPASS_PUBLIC_URL to the https address that browsers use.",
        )
        return
    yield ok("cookies", f"{name}: Secure, HttpOnly, SameSite={settings.same_site.capitalize()}, Path={cookies.path}.")
    if settings.same_site != "strict":
        yield advice(
            "cookies",
            f"SAME_SITE is {settings.same_site}: the refresh cookie goes along with requests that other sites cause.",
            "Serve page and API on one site, and leave SAME_SITE at strict.",
        )


def _proxies(settings: Settings) -> Iterator[Finding]:
    networks = parse_networks(settings.trusted_proxies)
    wide = [str(network) for network in networks if network.prefixlen < WIDE[network.version]]
    if wide:
        yield fault(
            "proxies",
            f"TRUSTED_PROXIES has {', '.join(wide)}: whoever is in there chooses the address that he is counted by.",
            "Name your proxies' own networks only.",
        )
    elif networks:
        yield ok("proxies", f"X-Forwarded-For counts from {', '.join(map(str, networks))}.")
    else:
        yield ok("proxies", "No proxy is trusted; the address of the socket counts.")


def _store(settings: Settings, workers: int) -> Iterator[Finding]:
    scheme = urlsplit(settings.store).scheme
    if scheme == "memory" and not is_local(settings):
        yield fault("store", "STORE is memory://: a restart signs everybody out.", "Use postgresql:// or sqlite:///.")
    elif scheme in ("memory", "sqlite") and workers > 1:
        yield fault(
            "store",
            f"{workers} workers on {scheme}://, which one process alone can use.",
            "Use postgresql://, or one worker.",
        )
    else:
        yield ok("store", f"{scheme}:// with {workers} worker{'s' * (workers > 1)}.")


def _passwords(settings: Settings) -> Iterator[Finding]:
    if settings.password_min < 15:
        yield advice(
            "passwords",
            f"PASSWORD_MIN is {settings.password_min}: too few where the password is the only factor (63B-4 §3.1.1.2).",
            "Leave it at 15.",
        )
    else:
        yield ok("passwords", f"At least {settings.password_min} characters.")
