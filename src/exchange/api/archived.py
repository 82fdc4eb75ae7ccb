"""First results that have left the streams, for those who repeat a command late.

The engine remembers names for longer than the streams keep entries; what a name first came to is in the journal then. A
segment is thousands of entries and is checked whole before one of them is believed, so one is read at a time, beside
the event loop, and the last one stays at hand. It is only read; without a journal there is nothing to tell.
"""

import asyncio

import structlog

from exchange.api.errors import ApiError, GatewayCode
from exchange.effects.ports import EffectError, LogUnavailable
from exchange.projections.journal.segment import Segment
from exchange.projections.journal.stores import SegmentSource, opened
from exchange.terms.stream import CommandEntry, EventEntry, StreamId, previous

_logger = structlog.get_logger(__name__)


class Archived:
    """Entries out of the journal, by their ids."""

    def __init__(self, source: SegmentSource) -> None:
        self._source = source
        self._segment: Segment | None = None
        self._reading = asyncio.Lock()

    async def find(self, id: StreamId) -> tuple[CommandEntry, EventEntry] | None:
        """A command and its result; None when the journal does not have them either.

        Raises:
            ApiError: `database_unavailable`.
        """
        before = previous(id)
        async with self._reading:
            try:
                segment = await self._covering(before)
            except LogUnavailable:
                raise ApiError(GatewayCode.DATABASE_UNAVAILABLE) from None
            except EffectError as error:
                _logger.warning("the journal cannot be read", reason=str(error))
                return None
        if segment is None:
            return None
        place = segment.place(before)
        return (segment.commands[place], segment.events[place]) if segment.ids[place] == id else None

    async def _covering(self, before: StreamId) -> Segment | None:
        if self._segment is None or not self._segment.covers(before):
            stored = await self._source.after(before)
            if stored is None:
                return None
            segment = await asyncio.to_thread(opened, stored)
            if not segment.covers(before):
                return None
            self._segment = segment
        return self._segment
