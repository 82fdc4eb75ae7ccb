"""Who a client of ours signs in as: made up once, kept in a file that only its owner can read.

The file is written beside its place and renamed, so that there is never half of one.
"""

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple


class Credentials(NamedTuple):
    """An email address and a password."""

    email: str
    password: str


class CredentialsError(Exception):
    """The file cannot be read or written; the message says what to do."""


def load_or_make(folder: Path, name: str) -> Credentials:
    """The credentials called `name` in `folder` (made with 0700 when absent); new ones when there are none.

    Raises:
        CredentialsError: see there.
    """
    path = folder / f"{name}.json"
    try:
        content = json.loads(path.read_text())
        return Credentials(str(content["email"]), str(content["password"]))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CredentialsError(f"{path} cannot be used ({error!r}): restore it, or remove it for a new user") from error
    made = Credentials(f"{name}-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(24))
    temporary = folder / f".{name}.{os.getpid()}.tmp"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(made._asdict(), file)
        temporary.replace(path)
    except OSError as error:
        raise CredentialsError(f"{path} cannot be written: {error}") from error
    return made
