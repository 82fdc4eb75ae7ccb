"""The stream users' passwords: one file in the home's keys, made at the first start.

It is for its owner only, and never half written. Each role is handed its own password; whoever can read the file is the
operator. To change them all, stop the exchange, delete the file and start again.
"""

import json
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from exchange.effects import key_files
from exchange.effects.redis.users import NAMES

FILE: Final = "streams.json"
_BYTES: Final = 32


class PasswordsUnusable(Exception):
    """The passwords cannot be read or made; the message says what to do."""


def load(path: Path) -> dict[str, str]:
    """The password of each user.

    Raises:
        PasswordsUnusable: the file is not there, or not as it was made.
    """
    try:
        return _read(path.read_bytes(), path)
    except OSError as error:
        raise PasswordsUnusable(
            f"the stream users' passwords cannot be read from {path}: {error.strerror}. Run this as the user who "
            "started the exchange, or set REDIS_URL with a user and password"
        ) from error


def load_or_make(folder: Path) -> dict[str, str]:
    """The same from a folder of keys; they are made if they are not there.

    Raises:
        PasswordsUnusable: see `load`; or the folder cannot be written.
    """
    path = folder / FILE
    try:
        return _read(key_files.load_or_make(path, _make), path)
    except key_files.KeyUnusable as error:
        raise PasswordsUnusable(str(error)) from error


def has_credentials(url: str) -> bool:
    """Whether an address names a user or a password, in whichever way the client reads it."""
    parts = urlsplit(url)
    return "@" in parts.netloc or any(pair.startswith(("password=", "username=")) for pair in parts.query.split("&"))


def with_credentials(url: str, user: str, password: str) -> str:
    """The address with a user and password."""
    parts = urlsplit(url)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=netloc))


def _make() -> bytes:
    passwords = {name: secrets.token_urlsafe(_BYTES) for name in NAMES}
    return json.dumps(passwords, indent=1).encode() + b"\n"


def _read(text: bytes, path: Path) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(found.get(name), str) and found[name] for name in NAMES):
        return found
    raise PasswordsUnusable(
        f"{path} does not hold a password for each stream user: stop the exchange, delete the file, and start again"
    )
