"""The journal's stores as one: the table, and the folder of files beside it if there is one.

Files are written first, so after a crash the folder may be a segment ahead, and a folder that is new is far behind:
whoever opens the archive brings the two level, segment by segment, each checked as it is copied. Both are locked while
the archive is open; one process writes.
"""

import structlog

from exchange.effects.ports import EffectError
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.segment import Header
from exchange.projections.journal.stores import SegmentStore, opened
from exchange.projections.turns import Busy
from exchange.terms.stream import START, Head, StreamId, format_id, genesis_head

_logger = structlog.get_logger(__name__)


class Archive:
    """What the journal writes to."""

    def __init__(self, table: DatabaseSegments, folder: FileSegments | None) -> None:
        self._table = table
        self._folder = folder

    async def open(self) -> Header | None:
        """Take the locks, bring the stores level, and give the header of the last segment, if there is any.

        Raises:
            Busy: somebody else holds a lock; ask again later.
            LogUnavailable: a store is away.
            SegmentDamaged, EffectError.
        """
        if not await self._table.lock():
            raise Busy
        last = await _last(self._table)
        if self._folder is None:
            return last
        if not await self._folder.lock():
            raise Busy
        other = await _last(self._folder)
        if _end(last) == _end(other):
            return last
        if _end(last).id < _end(other).id:
            return await _copy(self._folder, self._table, _end(last))
        if _end(other).id < _end(last).id:
            return await _copy(self._table, self._folder, _end(other))
        raise _apart(self._table, self._folder, _end(last).id)

    async def add(self, header: Header, data: bytes) -> None:
        """Keep a segment that goes on from the last one, in every store.

        Raises:
            LogUnavailable: it may be in one of them, or in both; `open` tells.
            EffectError.
        """
        if self._folder is not None:
            await self._folder.add(header, data)
        await self._table.add(header, data)

    async def kept(self, total: int) -> StreamId:
        """See `DatabaseSegments.kept`."""
        return await self._table.kept(total)

    async def projections(self) -> dict[str, StreamId]:
        """See `DatabaseSegments.projections`."""
        return await self._table.projections()

    async def close(self) -> None:
        """Let go of both, and of their locks."""
        await self._table.close()
        if self._folder is not None:
            await self._folder.close()


async def _last(store: SegmentStore) -> Header | None:
    stored = await store.last()
    return opened(stored).header if stored is not None else None


def _end(header: Header | None) -> Head:
    return header.last if header is not None else genesis_head()


async def _copy(source: SegmentStore, target: SegmentStore, begin: Head) -> Header | None:
    """Copy what the source has after `begin`, where the target ends; the last header.

    Raises:
        EffectError: the source has no segment that goes on from there.
        LogUnavailable, SegmentDamaged.
    """
    _logger.info("copying segments", source=str(source), target=str(target), after=format_id(begin.id))
    end, copied, last = begin, 0, None
    while (stored := await source.after(end.id)) is not None:
        header = opened(stored).header
        if header.before != end:
            raise _apart(source, target, end.id)
        await target.add(header, stored.data)
        end, last = header.last, header
        copied += 1
    _logger.info("segments copied", count=copied, upto=format_id(end.id))
    return last


def _apart(one: SegmentStore, other: SegmentStore, id: StreamId) -> EffectError:
    place = f"at entry {format_id(id)}" if id != START else "from the beginning"
    return EffectError(
        f"{one} and {other} do not hold the same journal: they part {place}. Find out which one belongs to this log, "
        "and move the other's content away: it is copied anew."
    )
