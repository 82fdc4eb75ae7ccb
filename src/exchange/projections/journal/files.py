"""Segments as files in a folder: `<milliseconds>-<sequence>.segment`, by the id of the last entry.

A segment is written under another name, forced to the disk, renamed, and the folder forced too, so that a name that
looks like a segment belongs to a whole one. One process writes: it holds a lock on the folder for as long as it lives.
Files are readable by their owner only. Copying the folder, at any time, is a backup.
"""

import contextlib
import fcntl
import os
from bisect import bisect_right
from pathlib import Path
from typing import Final

from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, LogUnavailable
from exchange.projections.journal.segment import Header, SegmentDamaged, key_of, name_of
from exchange.projections.journal.stores import Stored
from exchange.terms.stream import START, StreamId

_LOCK: Final = "journal.lock"
_TEMPORARY: Final = ".tmp"


class FileSegments:
    """The `SegmentStore` in one folder, which is made (0700) when first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: list[StreamId] | None = None
        self._lock: int | None = None

    def __str__(self) -> str:
        return f"the folder {self._folder}"

    async def after(self, id: StreamId) -> Stored | None:
        """See `SegmentSource.after`."""
        keys = self._keys
        if keys is None or not keys or keys[-1] <= id:
            keys = self._keys = self._listed()
        place = bisect_right(keys, id)
        return self._stored(keys, place) if place < len(keys) else None

    async def last(self) -> Stored | None:
        """See `SegmentSource.last`."""
        keys = self._keys = self._listed()
        return self._stored(keys, len(keys) - 1) if keys else None

    async def add(self, header: Header, data: bytes) -> None:
        """See `SegmentStore.add`. The lock must be held."""
        if self._lock is None:
            raise RuntimeError("whoever adds a segment holds the lock")
        name = name_of(header.last.id)
        target = self._folder / name
        temporary = target.with_name(name + _TEMPORARY)
        try:
            if target.exists():
                return
            _write(temporary, data)
            reached("before_segment_rename")
            temporary.rename(target)
            _sync(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):  # else the next to take the lock clears it away
                temporary.unlink()
            raise LogUnavailable(f"segment {name} cannot be written to {self}: {error}") from error
        if self._keys is not None:
            self._keys.append(header.last.id)
        reached("after_segment_file")

    async def lock(self) -> bool:
        """Be the only one who writes, as long as this process lives or until `close`. Whether that could be had.

        Raises:
            LogUnavailable: the folder cannot be made or opened.
        """
        if self._lock is not None:
            return True
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogUnavailable(f"{self} cannot be written to: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        for stray in self._folder.glob(f"*{_TEMPORARY}"):  # of a writer that died
            stray.unlink(missing_ok=True)
        return True

    async def close(self) -> None:
        """See `SegmentSource.close`: the lock goes too."""
        descriptor, self._lock = self._lock, None
        self._keys = None
        if descriptor is not None:
            os.close(descriptor)

    def _listed(self) -> list[StreamId]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EffectError(f"{self} cannot be read: {error}") from error
        return sorted([key for name in names if (key := key_of(name)) is not None])

    def _stored(self, keys: list[StreamId], place: int) -> Stored:
        path = self._folder / name_of(keys[place])
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SegmentDamaged(str(path), f"it cannot be read ({error})") from error
        return Stored(str(path), keys[place], keys[place - 1] if place else START, data)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
