"""How this gate proves itself at a token endpoint by a key of its own: `private_key_jwt` (RFC 7523 §2.2).

    gate.oidc("bank", issuer=…, client_id=…, client_key=Path("bank.pem").read_text(), client_key_id="2026-11")

A provider that holds no secret of ours cannot lose it. The audience is one text, the issuer by default: an
assertion for the address of a token endpoint could be had by a provider that names the endpoint of another as its own.
"""

import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gatepass.core import base64url, strict_json
from gatepass.core.policy import MINUTE
from gatepass.core.secret import Secret

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TTL = 2 * MINUTE
"""Against what: a provider whose clock is behind; it must not be taken for much longer than the one request."""
MIN_RSA_BITS = 2048
ClientKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def read_client_key(pem: Secret) -> ClientKey | None:
    """The private key of a PEM text: RSA from 2,048 bits, or EC on P-256; None for anything else."""
    try:
        key = load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPrivateKey):
        return key if key.key_size >= MIN_RSA_BITS else None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1) else None


def client_assertion(pem: Secret, *, key_id: str | None, client_id: str, audience: str, now: int) -> Secret:
    """A statement of the client about itself, for one request to a token endpoint.

    Raises ValueError for a key that `read_client_key` does not take.
    """
    key = read_client_key(pem)
    if key is None:
        raise ValueError("no private key that can sign")
    header = {"alg": "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256", "typ": "JWT"}
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_urlsafe(16), "iat": now}
    parts = (header | ({"kid": key_id} if key_id else {}), claims | {"exp": now + TTL})
    message = ".".join(base64url.encode(strict_json.dump(part)) for part in parts)
    return Secret(f"{message}.{base64url.encode(_sign(key, message.encode()))}")


def _sign(key: ClientKey, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")  # RFC 7518 §3.4
