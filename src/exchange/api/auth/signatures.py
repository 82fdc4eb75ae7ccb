"""Checking signatures: HMAC-SHA256, Ed25519 and RSA (Binance: rest-api.md, SIGNED Endpoint security).

A verifier is prepared once for a key and then used for every request: an HMAC costs a microsecond, Ed25519 and RSA some
fifty. There is one way to write a signature, but for the case of an HMAC's hex digits and for a plus in base64 that a
form made a blank: another text for the same signature would make a repeated request look like a new one.
"""

import base64
import hmac
import re
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from exchange.api.auth.api_key import KeyKind, Verifier

RSA_BITS: Final = (2048, 4096)
"""The shortest and the longest RSA key."""
MAX_PEM_CHARS: Final = 1024
"""A public key of 4096 bits has 800."""

_HMAC_CHARS: Final = 64
_ED25519_BYTES: Final = 64
_BEGIN: Final = "-----BEGIN PUBLIC KEY-----"
_PEM: Final = re.compile(rf"\s*{_BEGIN}[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*", re.ASCII)
"""All of the text: what stands around a key is passed over by its reader, but kept in the table."""
_MAX_EXPONENT: Final = 2**32
"""Checking takes time by the length of the public exponent; everybody's is 65537."""


class NotAKey(Exception):
    """This is no public key that can be used here; the message says why."""


class HmacVerifier:
    """HMAC-SHA256 in hex digits of any case."""

    __slots__ = ("_prepared",)

    def __init__(self, secret: bytes) -> None:
        self._prepared = hmac.new(secret, digestmod="sha256")

    def verify(self, payload: bytes, signature: str) -> bool:
        """See `Verifier`."""
        if len(signature) != _HMAC_CHARS:
            return False
        try:
            given = bytes.fromhex(signature)
        except ValueError:
            return False
        right = self._prepared.copy()
        right.update(payload)
        return hmac.compare_digest(right.digest(), given)


class Ed25519Verifier:
    """Ed25519 (RFC 8032), 64 bytes in base64."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, payload: bytes, signature: str) -> bool:
        """See `Verifier`."""
        given = _base64(signature)
        if given is None or len(given) != _ED25519_BYTES:
            return False
        try:
            self._key.verify(given, payload)
        except InvalidSignature:
            return False
        return True


class RsaVerifier:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64."""

    __slots__ = ("_bytes", "_key")

    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key
        self._bytes = (key.key_size + 7) // 8

    def verify(self, payload: bytes, signature: str) -> bool:
        """See `Verifier`."""
        given = _base64(signature)
        if given is None or len(given) != self._bytes:
            return False
        try:
            self._key.verify(given, payload, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def public_verifier(kind: KeyKind, pem: str) -> Verifier:
    """What checks the signatures of a public key, given as PEM (SubjectPublicKeyInfo).

    Raises:
        NotAKey: it cannot be read, is of another kind, or of a size that is not taken.
    """
    if len(pem) > MAX_PEM_CHARS or _PEM.fullmatch(pem) is None:
        raise NotAKey(f"A public key is PEM: it begins with {_BEGIN}, and nothing comes after its end.")
    try:
        key = load_pem_public_key(pem.strip().encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise NotAKey("This is not a public key in PEM (SubjectPublicKeyInfo).") from None
    if kind == "ed25519" and isinstance(key, Ed25519PublicKey):
        return Ed25519Verifier(key)
    if kind == "rsa" and isinstance(key, RSAPublicKey):
        least, most = RSA_BITS
        if not least <= key.key_size <= most:
            raise NotAKey(f"An RSA key has {least} to {most} bits; this one has {key.key_size}.")
        if key.public_numbers().e > _MAX_EXPONENT:
            raise NotAKey("The public exponent is too large; 65537 is usual.")
        return RsaVerifier(key)
    raise NotAKey(f"This is a public key, but not of the kind {kind}.")


def _base64(text: str) -> bytes | None:
    """The bytes of a text in base64, if it is the one way to write them."""
    text = text.replace(" ", "+")
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None
