"""The snapshot store in a folder.

A snapshot is written beside its place under another name, forced to the disk, renamed, and the folder forced too: so a
name that looks like a snapshot always belongs to a whole one, whenever power fails. The writer holds a lock on its
temporary file; one that nobody holds was left by a writer that died, and the next write clears it away.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from exchange.effects.failpoints import reached

_NAME: Final = re.compile(r"[0-9]{20}-[0-9]{20}\.snapshot")
_TEMPORARY: Final = ".tmp"
_SYNC_EVERY: Final = 4 << 20
"""Bytes that are forced to the disk at once: more of them would hold up the log, which shares the disk, when it comes
to its own fsync (measured: 70 ms behind a hundred megabytes, 15 ms behind these)."""


class FileSnapshotStore:
    """The `SnapshotStore` in one folder, which is made (0700) when first written to; snapshots are 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The complete snapshots, newest first."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted((name for name in names if _NAME.fullmatch(name)), reverse=True)

    def read(self, name: str) -> Iterable[bytes]:
        """The complete lines of a snapshot: a last line without its line end was cut, and is left out.

        Raises:
            OSError: it cannot be read.
        """
        with self._path(name).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def write(self, name: str, lines: Iterable[bytes]) -> None:
        """Store a snapshot; see `SnapshotStore.write`."""
        target = self._path(name)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_strays()
        temporary = target.with_name(f"{name}.{os.getpid()}{_TEMPORARY}")
        try:
            with _locked(temporary) as descriptor, open(descriptor, "wb", closefd=False) as file:
                unsynced = 0
                for line in lines:
                    unsynced += file.write(line + b"\n")
                    reached("snapshot_write")
                    if unsynced >= _SYNC_EVERY:
                        file.flush()
                        os.fdatasync(descriptor)
                        unsynced = 0
                file.flush()
                os.fsync(descriptor)
                reached("before_rename")
                temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        reached("after_rename")
        self._sync_folder()

    def stamp(self, name: str) -> tuple[int, ...]:
        """Which file a snapshot is, how long, and when it was written to last (nanoseconds).

        Raises:
            OSError: it is not there.
        """
        stat = self._path(name).stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def delete(self, name: str) -> None:
        """Forget a snapshot."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not a snapshot's name: {name!r}")
        return self._folder / name

    def _clear_strays(self) -> None:
        for path in self._folder.glob(f"*.snapshot.*{_TEMPORARY}"):
            # Another writer may be at work on it, or be done with it by now.
            with contextlib.suppress(BlockingIOError, FileNotFoundError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
