"""A coarse name of the client that a request comes from; its network is in `address`.

Enough for owners to recognise a device in a list, too little to track them (ASVS 7.5.2, 14.2.6).
"""

import re

_BROWSERS = (  # particular ones first: most browsers claim to be Chrome or Safari too
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("; iOS ", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]|%20){0,31}")


def client_label(user_agent: str | None) -> str:
    """A few words such as "Firefox on Linux", taken from the tables above, or one plain product name."""
    text = user_agent or ""
    client = next((name for mark, name in _BROWSERS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if client is None and not text.startswith("Mozilla/"):
        product = _PRODUCT.match(text)
        client = product.group().replace("%20", " ").strip() if product else None
    client = client or "Unknown client"
    return f"{client} on {system}" if system else client
