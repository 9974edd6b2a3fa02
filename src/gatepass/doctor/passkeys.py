"""Checks of passkeys: what they are bound to, and the document of related origins."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.doctor.stream import connection_to
from gatepass.factors.options import Passkeys
from gatepass.settings import Settings

PATH = "/.well-known/webauthn"
MAX_DOCUMENT = 64 * 1024


def check_passkeys(settings: Settings) -> Iterator[Finding]:
    """Findings about the settings; none where there are no passkeys."""
    passkeys: Passkeys | None = settings.arguments()["passkeys"]
    if passkeys is None:
        return
    host = urlsplit(settings.public_url or "").hostname
    where = "" if host == passkeys.rp_id else f" ({host} is below it)"
    yield ok("passkeys", f"Passkeys are bound to {passkeys.rp_id}{where}: leave PASSKEY_RP_ID as it is, for ever.")
    if passkeys.user_verification != "required":
        yield advice(
            "passkeys",
            f"PASSKEY_USER_VERIFICATION is {passkeys.user_verification}: a found security key signs in by itself.",
            "Set it to required where a passkey is the only factor.",
        )


def check_related_origins(settings: Settings) -> Iterator[Finding]:
    """From outside: whether browsers find the related origins where they look for them."""
    passkeys: Passkeys | None = settings.arguments()["passkeys"]
    if passkeys is None or not passkeys.related():
        return
    url, missing = f"https://{passkeys.rp_id}", sorted(set(passkeys.related()) - _listed(passkeys.rp_id))
    if missing:
        yield error(
            "passkeys",
            f"{url}{PATH} does not list {', '.join(missing)}: browsers refuse passkeys on pages of them.",
            _mend(settings, passkeys.rp_id),
        )
    else:
        yield ok("passkeys", f"{url}{PATH} lists the related origins.")


def _mend(settings: Settings, rp_id: str) -> str:
    """Whose route it is. It is never below the mount of the endpoints: browsers ask at the root, and only there."""
    if urlsplit(settings.public_url or "").hostname != rp_id:
        return f"The server of https://{rp_id} must answer there with the JSON of gate.passkeys.related_origins()."
    return (
        "Answer there with the JSON of gate.passkeys.related_origins(), by a route of the outermost application, "
        "beside the mount of the endpoints; a proxy must pass the path on. `gatepass serve` answers by itself."
    )


def _listed(rp_id: str) -> set[str]:
    """The origins of the document; none if it cannot be had."""
    with contextlib.closing(connection_to(f"https://{rp_id}", None)) as connection:
        try:
            connection.request("GET", PATH, headers={"User-Agent": "gatepass-doctor"})
            answer = connection.getresponse()
            document = json.loads(answer.read(MAX_DOCUMENT)) if answer.status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return set()
    listed = document.get("origins") if isinstance(document, dict) else None
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()
