"""Which snapshots a start-up could use, asked often.

A snapshot is usable if its file is whole and the log still has the entry that it names, with the same chain. Reading a
file through takes seconds with a million open orders, and a file that is whole stays whole until it is written to: so
what was read is remembered under the file's stamp, and read again only when that changes. The log is asked each time.
"""

from typing import Protocol

import structlog

from exchange.effects.ports import Log, SnapshotStore
from exchange.roles import snapshots
from exchange.terms.stream import Head

_logger = structlog.get_logger(__name__)


class StampedStore(SnapshotStore, Protocol):
    """A snapshot store that can tell, without reading, that a snapshot is not the one that was read."""

    def stamp(self, name: str) -> tuple[int, ...]:
        """Something that changes whenever the snapshot is written to.

        Raises:
            OSError: it is not there.
        """


class UsableSnapshots:
    """The snapshots in a store that a log vouches for."""

    def __init__(self, store: StampedStore) -> None:
        self._store = store
        self._read: dict[str, tuple[tuple[int, ...], Head | None]] = {}

    async def newest(self, log: Log, count: int) -> list[Head]:
        """The positions of the `count` newest usable snapshots, newest first; fewer if there are not so many.

        Raises:
            LogUnavailable.
        """
        names = self._store.names()
        self._read = {name: known for name, known in self._read.items() if name in names}
        found: list[Head] = []
        for name in names:
            head = self._whole(name)
            if head is not None and await snapshots.anchored(log, head):
                found.append(head)
                if len(found) == count:
                    break
        return found

    def _whole(self, name: str) -> Head | None:
        """The position of a snapshot, if its file is whole."""
        try:
            stamp = self._store.stamp(name)
            known = self._read.get(name)
            if known is None or known[0] != stamp:
                known = stamp, _verified(self._store, name)
                self._read[name] = known
        except OSError as error:
            _logger.warning("snapshot cannot be read", name=name, reason=str(error))
            return None
        return known[1]


def _verified(store: SnapshotStore, name: str) -> Head | None:
    try:
        return snapshots.verify(store.read(name)).head
    except (snapshots.Damaged, snapshots.TooNew) as error:
        _logger.warning("snapshot refused", name=name, reason=str(error))
        return None
