"""Signed documents: canonical JSON with an Ed25519 signature in it.

Canonical means that there is one way to write a document: ASCII, members sorted by name, no blanks, whole numbers
only. What is read must be written exactly so, and that one comparison refuses duplicate members, other spellings of a
number, a letter or a blank, and whatever two readers might take differently. The signature covers the canonical bytes
of the document without its member `signature`; `key` (the public key, 64 hex digits) and `algorithm` are covered too.

Source of the rules: RFC 8032 (Ed25519); the idea of a canonical form is that of RFC 8785, of which this is the part
that needs no floating point.
"""

import json
import re
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exchange.effects.key_files import KeyUnusable, load_or_make

Json = dict[str, object]

ALGORITHM: Final = "ed25519"
MAX_BYTES: Final = 1024 * 1024
"""The longest document that is read."""

KEY_NAME: Final = "checkpoint.key"
_KEY_BYTES: Final = 32
HEX_32: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX_64: Final = re.compile(r"[0-9a-f]{128}", re.ASCII)


class NotGenuine(Exception):
    """A document that is not what a signer wrote: malformed, altered, or signed by another key."""


def canonical(body: Json) -> bytes:
    """The one way to write a document, without a line end."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def read(raw: bytes) -> Json:
    """A document; one line feed after it is nobody's.

    Raises:
        NotGenuine: it is not written as `canonical` writes it.
    """
    raw = raw.removesuffix(b"\n")
    if len(raw) > MAX_BYTES:
        raise NotGenuine(f"it is longer than {MAX_BYTES} bytes")
    try:
        body: object = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise NotGenuine(f"it is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise NotGenuine("it is not a JSON object")
    try:
        same = canonical(body) == raw
    except ValueError:  # NaN, Infinity
        same = False
    if not same:
        raise NotGenuine("it is not written in the canonical form: something was added, doubled or respelt")
    return body


class Signer:
    """Signs with one key; `public` is its other half, 64 hex digits."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _KEY_BYTES:
            raise KeyUnusable(f"a signing key has {_KEY_BYTES} bytes, this one {len(secret)}: restore it from a backup")
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw().hex()

    @classmethod
    def of(cls, keys_dir: Path) -> "Signer":
        """The signer of a home, whose key is made on first use.

        Raises:
            KeyUnusable: it cannot be read or made, or others can read it.
        """
        return cls(load_or_make(keys_dir / KEY_NAME, lambda: Ed25519PrivateKey.generate().private_bytes_raw()))

    def sign(self, body: Json) -> Json:
        """The document with `algorithm`, `key` and `signature`, its members in canonical order."""
        told = {**body, "algorithm": ALGORITHM, "key": self.public}
        signed: Json = {**told, "signature": self._key.sign(canonical(told)).hex()}
        return dict(sorted(signed.items()))


def verified(raw: bytes, key: str | None, members: frozenset[str]) -> Json:
    """The document that `key` (64 hex digits; None: the key that it names) signed; it has exactly these members besides
    those of the signature.

    Raises:
        NotGenuine: it is not genuine.
    """
    body = read(raw)
    found, expected = set(body), members | {"algorithm", "key", "signature"}
    if found != expected:
        odd = ", ".join(sorted(found ^ expected))
        raise NotGenuine(f"it has not the members it should have: {odd}")
    if body["algorithm"] != ALGORITHM:
        raise NotGenuine(f"its algorithm is not {ALGORITHM}")
    signature = body["signature"]
    if not isinstance(signature, str) or _HEX_64.fullmatch(signature) is None:
        raise NotGenuine("its signature is not 128 hex digits")
    named = str(body["key"])
    if not is_key(body["key"]) or (key is not None and named != key):
        raise NotGenuine(f"it names another key than {key or 'any there can be'}")
    told = canonical({name: value for name, value in body.items() if name != "signature"})
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(named)).verify(bytes.fromhex(signature), told)
    except (InvalidSignature, ValueError) as error:
        raise NotGenuine("its signature does not hold: it was altered, or signed by somebody else") from error
    return body


def is_key(text: object) -> bool:
    """Whether a text is a public key's 64 hex digits."""
    return isinstance(text, str) and HEX_32.fullmatch(text) is not None
