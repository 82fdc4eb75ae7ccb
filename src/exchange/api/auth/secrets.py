"""Secrets that must be read again, encrypted: those of HMAC keys and of second factors.

The idea: the database holds what is sealed, the home the key that opens it (`keys/secrets.key`), and neither is of use
without the other. Each secret is sealed with AES-256-GCM under a nonce of its own and bound to what it is for and whose
it is, so that one that was moved to another row does not open there.

A sealed secret is nonce (12 bytes), ciphertext and tag (16). Nothing here is ever logged or shown.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.effects.key_files import KeyUnusable, load_or_make

KEY_NAME: Final = "secrets.key"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class SecretUnreadable(Exception):
    """A sealed secret does not open: another key file, or not what was stored. The message says what to do."""


class Secrets:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyUnusable(f"a key for secrets has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)

    def seal(self, purpose: str, id: str, plain: bytes) -> bytes:
        """A secret as it is stored; `purpose` and `id` must be the same when it is opened."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound(purpose, id))

    def open(self, purpose: str, id: str, sealed: bytes) -> bytes:
        """A secret as it was before it was sealed.

        Raises:
            SecretUnreadable: see there.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(purpose, id))
        except (InvalidTag, ValueError):
            msg = (
                f"a stored secret ({purpose}) does not open: keys/{KEY_NAME} is not the file it was sealed with, or "
                f"the row was changed. Put that file back from the backup of the home, and restart"
            )
            raise SecretUnreadable(msg) from None


def load_secrets(keys_dir: Path) -> Secrets:
    """The secrets of a home; the key is made if there is none, and several processes may start at once.

    Raises:
        KeyUnusable: it cannot be read or made, others can read it, or it has another length.
    """
    path = keys_dir / KEY_NAME
    key = load_or_make(path, lambda: secrets.token_bytes(KEY_BYTES))
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{path} has {len(key)} bytes instead of {KEY_BYTES}: put the right file back")
    return Secrets(key)


def _bound(purpose: str, id: str) -> bytes:
    return f"{purpose}:{id}".encode()
