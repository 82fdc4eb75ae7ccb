"""Secret keys in files of one's own: made when first needed, 0600, and never half-written.

A key is written aside and linked into place: it is whole when it appears, and the first of several makers wins.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


class KeyUnusable(Exception):
    """The key cannot be used; the message says what to do."""


def load_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The key in a file, made if there is none; several processes may start at once and get the same.

    Raises:
        KeyUnusable: it cannot be read or made, or others can read it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _place(path, make())
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(f"{path} can be read by others: run chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"the key {path.name} cannot be read or made: {error}") from error


def _place(path: Path, key: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first, and its key is as good
    finally:
        draft.unlink()
