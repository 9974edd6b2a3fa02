"""Recovery codes: ten for an account, shown once, each for one sign-in when its second factors are lost.

    7K3M-Q2VX-0ZTB-9HDW-41RN-P8SG

A code has 120 random bits. From 112 bits on a plain hash is enough (NIST SP 800-63B-4 §3.1.2.2, ASVS 6.5.2): it cannot
be guessed from the hash, so it need not be slow, and under no secret of the server, so a change of secrets loses none.
The account is hashed with it: equal codes of two accounts have different digests.
"""

import hashlib

from gatepass.core import crockford

CODE_BYTES = 15
_LENGTH = 24
MAX_TYPED = 64
"""Characters of a code as it is typed, with spaces and hyphens."""


def code_of(raw: bytes) -> str:
    """The code of CODE_BYTES random bytes, as it is shown."""
    return crockford.grouped(crockford.encode(raw))


def digest_of(code: str, *, account_id: str) -> bytes | None:
    """What is stored of a code, however it was typed; None for a text that is no code."""
    raw = crockford.decode(code, length=_LENGTH) if len(code) <= MAX_TYPED else None
    if raw is None:
        return None
    return hashlib.sha256(b"gatepass recovery code " + account_id.encode() + b"\0" + raw).digest()
